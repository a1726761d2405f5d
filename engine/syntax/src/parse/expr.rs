//! Expressions: pairs to tree.
//!
//! Everything that can be long in the text (operators, prefixes, accesses) is
//! flat in the pairs and handled by loops; only brackets recurse, and the
//! scanner has limited those.

use std::iter::Peekable;

use crate::ast::{BinaryOp, Call, Conditional, Expr, ExprKind, For, Ident, ObjectItem, ObjectKey, Operands, UnaryOp};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lex::ident_len;
use crate::limits::MAX_EXPR_DEPTH;
use crate::source::{SourceId, Span};

use super::text::normal;
use super::traversal::is_step;
use super::{Pair, Pairs, Rule};

/// Builds the tree of one statement.
pub(super) struct Builder<'a> {
    pub(super) source: SourceId,
    /// Where the statement starts in the file.
    base: usize,
    /// The statement, as the grammar saw it.
    pub(super) text: &'a str,
    pub(super) diagnostics: &'a mut Diagnostics,
    /// Whether an expression was found too deep; said once per statement.
    too_deep: bool,
}

/// An expression, and how deep its tree is.
pub(super) struct Built {
    pub(super) expr: Expr,
    pub(super) depth: u32,
}

impl<'a> Builder<'a> {
    pub(super) fn new(source: SourceId, base: usize, text: &'a str, diagnostics: &'a mut Diagnostics) -> Self {
        Self {
            source,
            base,
            text,
            diagnostics,
            too_deep: false,
        }
    }

    /// Returns the place of a pair in the file.
    pub(super) fn span(&self, pair: &Pair<'_>) -> Span {
        let span = pair.as_span();
        self.place(span.start(), span.end())
    }

    /// Returns the place of a range of the statement.
    pub(super) fn place(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, self.base + start, self.base + end)
    }

    /// Returns the place of a pair together with the sign before it.
    pub(super) fn span_from(&self, pair: &Pair<'_>, sign: char) -> Span {
        let span = pair.as_span();
        let start = self.text[..span.start()].rfind(sign).unwrap_or(span.start());
        self.place(start, span.end())
    }

    /// Returns the text at a place of the statement.
    pub(super) fn text_at(&self, span: Span) -> &'a str {
        self.text
            .get(span.start as usize - self.base..span.end as usize - self.base)
            .unwrap_or("")
    }

    /// Returns what stands in the tree where the text is wrong.
    pub(super) fn placeholder(&self, span: Span) -> Expr {
        Expr::new(ExprKind::Null, span)
    }

    pub(super) fn ident(&self, pair: &Pair<'_>) -> Ident {
        Ident {
            name: normal(pair.as_str()),
            span: self.span(pair),
        }
    }

    pub(super) fn leaf(&self, kind: ExprKind, span: Span) -> Built {
        Built {
            expr: Expr::new(kind, span),
            depth: 1,
        }
    }

    /// Makes a node over parts that are at most `depth` deep.
    pub(super) fn node(&mut self, kind: ExprKind, span: Span, depth: u32) -> Built {
        if depth < MAX_EXPR_DEPTH {
            return Built {
                expr: Expr::new(kind, span),
                depth: depth + 1,
            };
        }
        self.report_too_deep(span);
        self.leaf(ExprKind::Null, span)
    }

    pub(super) fn report_too_deep(&mut self, span: Span) {
        if !self.too_deep {
            self.too_deep = true;
            self.diagnostics.push(
                Diagnostic::error(
                    "infra::syntax::nesting_too_deep",
                    "this expression is too long or nested too deeply",
                )
                .at(
                    Span::new(span.source, span.start as usize, span.start as usize),
                    format!("has more than {MAX_EXPR_DEPTH} levels"),
                )
                .help("name parts of it in `locals`, or use functions such as `sum`, `join` or `alltrue` over a list"),
            );
        }
    }

    /// Builds the expression of an entry rule.
    pub(super) fn entry(&mut self, pairs: &mut Pairs<'_>) -> Option<Expr> {
        let pair = pairs.next()?.into_inner().next()?;
        Some(self.expr(pair).expr)
    }

    pub(super) fn expr(&mut self, pair: Pair<'_>) -> Built {
        let mut parts = pair.into_inner().peekable();
        let first = self.operation(&mut parts);
        if parts.peek().is_none() {
            return first;
        }
        self.conditional(first, parts)
    }

    /// `c1 ? a : c2 ? b : …`, from the right.
    fn conditional(&mut self, first: Built, mut parts: Peekable<Pairs<'_>>) -> Built {
        let mut conditions = vec![first];
        let mut branches = Vec::new();
        while let Some(branch) = parts.next() {
            branches.push(self.expr(branch));
            conditions.push(self.operation(&mut parts));
        }
        let mut result = conditions.pop();
        while let (Some(condition), Some(branch)) = (conditions.pop(), branches.pop()) {
            let Some(otherwise) = result else { break };
            let span = condition.expr.span.to(otherwise.expr.span);
            let depth = condition.depth.max(branch.depth).max(otherwise.depth);
            let kind = ExprKind::Conditional(Box::new(Conditional {
                condition: condition.expr,
                then: branch.expr,
                otherwise: otherwise.expr,
            }));
            result = Some(self.node(kind, span, depth));
        }
        match result {
            Some(built) => built,
            None => self.leaf(ExprKind::Null, Span::default()),
        }
    }

    /// Operands and operators in a row, put into a tree by precedence.
    fn operation(&mut self, parts: &mut Peekable<Pairs<'_>>) -> Built {
        let first = self.operand(parts);
        if parts.peek().is_none_or(|p| p.as_rule() != Rule::infix) {
            return first;
        }
        let mut operands = vec![first];
        let mut operators: Vec<BinaryOp> = Vec::new();
        while let Some(infix) = parts.next_if(|p| p.as_rule() == Rule::infix) {
            let op = binary_op(infix.as_str());
            while operators.last().is_some_and(|top| precedence(*top) >= precedence(op)) {
                self.reduce(&mut operands, &mut operators);
            }
            operators.push(op);
            operands.push(self.operand(parts));
        }
        while !operators.is_empty() {
            self.reduce(&mut operands, &mut operators);
        }
        match operands.pop() {
            Some(built) => built,
            None => self.leaf(ExprKind::Null, Span::default()),
        }
    }

    fn reduce(&mut self, operands: &mut Vec<Built>, operators: &mut Vec<BinaryOp>) {
        if let (Some(op), Some(right), Some(left)) = (operators.pop(), operands.pop(), operands.pop()) {
            let span = left.expr.span.to(right.expr.span);
            let depth = left.depth.max(right.depth);
            let kind = ExprKind::Binary(
                op,
                Box::new(Operands {
                    left: left.expr,
                    right: right.expr,
                }),
            );
            operands.push(self.node(kind, span, depth));
        }
    }

    fn operand(&mut self, parts: &mut Peekable<Pairs<'_>>) -> Built {
        let mut prefixes = Vec::new();
        while let Some(prefix) = parts.next_if(|p| p.as_rule() == Rule::prefix) {
            let op = if prefix.as_str().starts_with('-') {
                UnaryOp::Neg
            } else {
                UnaryOp::Not
            };
            prefixes.push((op, self.span(&prefix)));
        }
        let mut built = match parts.next() {
            Some(primary) => self.primary(primary),
            None => self.leaf(ExprKind::Null, Span::default()),
        };
        if is_step(parts.peek()) {
            built = self.steps(built, parts);
        }
        while let Some((op, at)) = prefixes.pop() {
            let span = at.to(built.expr.span);
            built = self.node(ExprKind::Unary(op, Box::new(built.expr)), span, built.depth);
        }
        built
    }

    fn primary(&mut self, pair: Pair<'_>) -> Built {
        let span = match pair.as_rule() {
            Rule::tuple | Rule::for_tuple => self.span_from(&pair, '['),
            Rule::object | Rule::for_object => self.span_from(&pair, '{'),
            Rule::paren => self.span_from(&pair, '('),
            _ => self.span(&pair),
        };
        match pair.as_rule() {
            Rule::reference => self.reference(pair),
            Rule::quoted => self.quoted(pair, span),
            Rule::heredoc => self.heredoc(pair, span),
            Rule::number => self.number(&pair, span),
            Rule::tuple => self.tuple(pair, span),
            Rule::object => self.object(pair, span),
            Rule::paren => self.paren(pair, span),
            Rule::for_tuple => self.for_expr(pair, span, false),
            Rule::for_object => self.for_expr(pair, span, true),
            _ => self.leaf(ExprKind::Null, span),
        }
    }

    fn number(&mut self, pair: &Pair<'_>, span: Span) -> Built {
        let text = pair.as_str();
        if !is_number(text) {
            self.diagnostics.push(
                Diagnostic::error("infra::syntax::invalid_number", format!("`{text}` is not a number"))
                    .at(span, "has too many parts")
                    .help("write a version or an address as a string, in double quotes"),
            );
        }
        self.leaf(ExprKind::Number(super::words::shared(text)), span)
    }

    fn paren(&mut self, pair: Pair<'_>, span: Span) -> Built {
        match pair.into_inner().next() {
            Some(inner) => {
                let inner = self.expr(inner);
                self.node(ExprKind::Paren(Box::new(inner.expr)), span, inner.depth)
            }
            None => self.leaf(ExprKind::Null, span),
        }
    }

    fn tuple(&mut self, pair: Pair<'_>, span: Span) -> Built {
        self.check_not_for(span);
        let mut items = Vec::new();
        let mut depth = 0;
        for part in pair.into_inner() {
            let item = self.expr(part);
            depth = depth.max(item.depth);
            items.push(item.expr);
        }
        self.node(ExprKind::Tuple(exact(items)), span, depth)
    }

    fn reference(&mut self, pair: Pair<'_>) -> Built {
        let whole = self.span(&pair);
        let is_call = pair.as_str().ends_with(')');
        let mut inner = pair.into_inner();
        let Some(name) = inner.next() else {
            return self.leaf(ExprKind::Null, whole);
        };
        if is_call {
            let name = self.ident(&name);
            return self.call(name, inner, whole);
        }
        let span = self.span(&name);
        let kind = match name.as_str() {
            "null" => ExprKind::Null,
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            _ => ExprKind::Variable(Box::new(self.ident(&name))),
        };
        self.leaf(kind, span)
    }

    fn call(&mut self, mut name: Ident, parts: Pairs<'_>, span: Span) -> Built {
        let mut args = Vec::new();
        let mut expand_final = false;
        let mut depth = 0;
        for part in parts {
            match part.as_rule() {
                Rule::ident => {
                    let next = self.ident(&part);
                    name = Ident {
                        name: format!("{}::{}", name.name, next.name).into(),
                        span: name.span.to(next.span),
                    };
                }
                Rule::ellipsis => expand_final = true,
                _ => {
                    let arg = self.expr(part);
                    depth = depth.max(arg.depth);
                    args.push(arg.expr);
                }
            }
        }
        let kind = ExprKind::Call(Box::new(Call {
            name,
            args: exact(args),
            expand_final,
        }));
        self.node(kind, span, depth)
    }

    fn object(&mut self, pair: Pair<'_>, span: Span) -> Built {
        self.check_not_for(span);
        let mut items = Vec::new();
        let mut depth = 0;
        for item in pair.into_inner() {
            let mut parts = item.into_inner();
            let (Some(key), Some(value)) = (parts.next(), parts.next()) else {
                continue;
            };
            let key = match key.as_rule() {
                Rule::key_name => ObjectKey::Name(self.ident(&key)),
                _ => {
                    let key = self.expr(key);
                    depth = depth.max(key.depth);
                    self.check_key(&key.expr);
                    ObjectKey::Expr(Box::new(key.expr))
                }
            };
            let value = self.expr(value);
            depth = depth.max(value.depth);
            items.push(ObjectItem { key, value: value.expr });
        }
        self.node(ExprKind::Object(exact(items)), span, depth)
    }

    /// Refuses `a.b = 1`, which could mean two things.
    fn check_key(&mut self, key: &Expr) {
        if !is_reference(key) {
            return;
        }
        let text = self.text_at(key.span);
        self.diagnostics.push(
            Diagnostic::error(
                "infra::syntax::ambiguous_key",
                format!("the key `{text}` could be a reference or a name"),
            )
            .at(key.span, "ambiguous key")
            .help(format!(
                "write `({text})` for the value it refers to, or `\"{text}\"` for the name itself"
            )),
        );
    }

    fn for_expr(&mut self, pair: Pair<'_>, span: Span, object: bool) -> Built {
        let mut parts = pair.into_inner();
        let intro = parts.next().map(|p| self.for_intro(p));
        let Some(Some((key_var, value_var, collection))) = intro else {
            return self.leaf(ExprKind::Null, span);
        };
        let mut depth = collection.depth;
        let mut key = None;
        let mut value = None;
        let mut condition = None;
        let mut group = None;
        let mut is_condition = false;
        for part in parts {
            match part.as_rule() {
                Rule::arrow => key = value.take(),
                Rule::ellipsis => group = Some(self.span(&part)),
                Rule::kw_if => is_condition = true,
                _ => {
                    let expr = self.expr(part);
                    depth = depth.max(expr.depth);
                    if is_condition {
                        condition = Some(expr.expr);
                    } else {
                        value = Some(expr.expr);
                    }
                }
            }
        }
        let value = value.unwrap_or_else(|| self.placeholder(span));
        self.check_for(object, key.as_ref(), &value, group);
        let kind = ExprKind::For(Box::new(For {
            key_var,
            value_var,
            collection: collection.expr,
            key,
            value,
            group: group.is_some(),
            condition,
        }));
        self.node(kind, span, depth)
    }

    /// Refuses a tuple or object whose first word is `for`: it starts a loop.
    fn check_not_for(&mut self, span: Span) {
        let text = self.text_at(span);
        let inner = text[1..].trim_start();
        if !inner.starts_with("for") || ident_len(inner) != 3 {
            return;
        }
        let at = span.start as usize + (text.len() - inner.len());
        self.diagnostics.push(
            Diagnostic::error("infra::syntax::invalid_for", "`for` starts a loop here")
                .at(
                    Span::new(span.source, at, at + 3),
                    "expected names, `in` and a collection after it",
                )
                .help("write `\"for\"` for a key of this name"),
        );
    }

    fn check_for(&mut self, object: bool, key: Option<&Expr>, value: &Expr, group: Option<Span>) {
        let error = |message: &str| Diagnostic::error("infra::syntax::invalid_for", message);
        match (object, key) {
            (true, None) => self.diagnostics.push(
                error("a `{for …}` needs a key and a value")
                    .at(value.span, "expected `key => value`")
                    .help("write `key => value`, or use `[for …]` for a list"),
            ),
            (false, Some(key)) => self.diagnostics.push(
                error("a `[for …]` has no keys")
                    .at(key.span, "a key is not expected here")
                    .help("use `{for …}` for an object"),
            ),
            _ => {}
        }
        if let (false, Some(group)) = (object, group) {
            self.diagnostics.push(
                error("a `[for …]` cannot group values")
                    .at(group, "`...` is not expected here")
                    .help("grouping with `...` works in `{for …}` only"),
            );
        }
    }

    /// Builds `for k, v in collection`.
    pub(super) fn for_intro(&mut self, pair: Pair<'_>) -> Option<(Option<Ident>, Ident, Built)> {
        let mut names = Vec::with_capacity(2);
        let mut collection = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::ident => names.push(self.ident(&part)),
                Rule::expr => collection = Some(self.expr(part)),
                _ => {}
            }
        }
        let value = names.pop()?;
        Some((names.pop(), value, collection?))
    }
}

/// Returns the elements in an allocation of exactly their size.
pub(super) fn exact<T>(mut elements: Vec<T>) -> Box<[T]> {
    match elements.len() == elements.capacity() {
        true => elements.into_boxed_slice(),
        // An allocation that is made smaller may stay where it is, whole.
        false => elements.drain(..).collect(),
    }
}

/// Says whether it is a name with attributes and constant indexes.
fn is_reference(expr: &Expr) -> bool {
    let mut e = expr;
    loop {
        e = match &e.kind {
            ExprKind::GetAttr(get) => &get.source,
            ExprKind::Index(index)
                if matches!(
                    index.key.kind,
                    ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Bool(_) | ExprKind::Null
                ) =>
            {
                &index.source
            }
            ExprKind::Variable(_) => return true,
            _ => return false,
        };
    }
}

/// Says whether it is digits, a fraction if any, and an exponent if any.
fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e)),
        None => (text, None),
    };
    let exponent_fits = exponent.is_none_or(|e| {
        e.strip_prefix(['+', '-'])
            .unwrap_or(e)
            .bytes()
            .all(|b| b.is_ascii_digit())
    });
    mantissa.bytes().filter(|b| *b == b'.').count() <= 1 && exponent_fits
}

fn binary_op(symbol: &str) -> BinaryOp {
    match symbol {
        "||" => BinaryOp::Or,
        "&&" => BinaryOp::And,
        "==" => BinaryOp::Eq,
        "!=" => BinaryOp::Ne,
        "<" => BinaryOp::Lt,
        "<=" => BinaryOp::Le,
        ">" => BinaryOp::Gt,
        ">=" => BinaryOp::Ge,
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Sub,
        "*" => BinaryOp::Mul,
        "/" => BinaryOp::Div,
        _ => BinaryOp::Rem,
    }
}

/// Returns how tightly an operator binds.
fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And => 2,
        BinaryOp::Eq | BinaryOp::Ne => 3,
        BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => 4,
        BinaryOp::Add | BinaryOp::Sub => 5,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => 6,
    }
}
