fn main() {
    let n: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let text = infra_engine_bench::configuration(n);
    println!("{} MB", text.len() / 1_000_000);
    let registry = infra_engine_bench::registry();
    let loader = infra_engine_bench::folder(&text);
    let t = std::time::Instant::now();
    let p = infra_syntax::parse_file(&text, infra_syntax::SourceId(0));
    println!("parse {:?}", t.elapsed());
    std::mem::forget(p);
    let t = std::time::Instant::now();
    let p = infra_engine_bench::check(&loader, &registry);
    println!("check {:?}", t.elapsed());
    let t = std::time::Instant::now();
    infra_engine_bench::evaluate(&p, &registry);
    println!("eval {:?}", t.elapsed());
    let t = std::time::Instant::now();
    drop(p);
    println!("drop {:?}", t.elapsed());
}
