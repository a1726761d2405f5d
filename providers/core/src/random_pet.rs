//! `random_pet`: a name that people can remember.

use infra_providers::{Attribute, Block, ProviderError, Schema, Validator};
use infra_types::{Type, Value};

use crate::local::{LocalType, Surroundings, fill};
use crate::random_uuid::keepers;
use crate::source::pick;

/// The type `random_pet`.
pub(crate) struct RandomPet;

impl LocalType for RandomPet {
    fn name(&self) -> &'static str {
        "random_pet"
    }

    fn schema(&self) -> Schema {
        Schema::new(
            Block::new("A random name made of words, such as `calm-otter`.")
                .attr("id", Attribute::computed(Type::String).doc("The name."))
                .attr("keepers", keepers())
                .attr(
                    "length",
                    Attribute::optional(Type::Number)
                        .default(2)
                        .force_new()
                        .check(Validator::Range(1, 100))
                        .doc("How many words."),
                )
                .attr(
                    "prefix",
                    Attribute::optional(Type::String)
                        .force_new()
                        .doc("Stands before the name."),
                )
                .attr(
                    "separator",
                    Attribute::optional(Type::String)
                        .default("-")
                        .force_new()
                        .doc("Stands between the words."),
                ),
        )
    }

    fn complete(&self, planned: &Value, around: &Surroundings) -> Result<Value, ProviderError> {
        let length = planned.get("length").and_then(Value::as_i64).unwrap_or(2);
        let source = &*around.random;
        let prefix = planned.get_str("prefix").filter(|p| !p.is_empty());
        let words: Vec<&str> = prefix
            .into_iter()
            .chain((0..length.saturating_sub(2)).filter_map(|_| pick(source, &ADVERBS).copied()))
            .chain((length > 1).then(|| pick(source, &ADJECTIVES).copied()).flatten())
            .chain(pick(source, &ANIMALS).copied())
            .collect();
        let id = words.join(planned.get_str("separator").unwrap_or("-"));
        Ok(fill(planned, |_| id.as_str().into()))
    }
}

/// Words for all but the last two places.
#[rustfmt::skip]
const ADVERBS: [&str; 89] = [
    "abundantly", "actively", "amply", "barely", "briefly", "brightly", "calmly", "carefully",
    "cheaply", "clearly", "closely", "constantly", "curiously", "daily", "deeply", "eagerly",
    "early", "easily", "evenly", "exactly", "fairly", "finely", "firmly", "fondly", "freely",
    "freshly", "fully", "gently", "gladly", "greatly", "happily", "highly", "hugely", "ideally",
    "jointly", "justly", "keenly", "kindly", "largely", "lately", "lightly", "loosely", "loudly",
    "loyally", "mainly", "merely", "mildly", "mostly", "mutually", "namely", "nearly", "neatly",
    "newly", "nicely", "openly", "partly", "plainly", "politely", "promptly", "properly", "purely",
    "quickly", "quietly", "rapidly", "rarely", "readily", "really", "richly", "rightly", "roughly",
    "safely", "slowly", "smoothly", "softly", "solidly", "soundly", "steadily", "strongly",
    "subtly", "suitably", "surely", "swiftly", "tightly", "truly", "usually", "vastly", "warmly",
    "widely", "wisely",
];

/// Words for the last place but one.
#[rustfmt::skip]
const ADJECTIVES: [&str; 184] = [
    "able", "active", "adapted", "adequate", "agile", "alert", "amazed", "ample", "amused", "apt",
    "arriving", "balanced", "bold", "brave", "bright", "brisk", "busy", "calm", "capable",
    "careful", "central", "charming", "cheerful", "chief", "choice", "civil", "clean", "clear",
    "clever", "close", "coherent", "composed", "concise", "content", "cool", "cosmic", "crisp",
    "curious", "daring", "dear", "decent", "deep", "definite", "deft", "delicate", "diverse",
    "driven", "eager", "early", "earnest", "easy", "elegant", "eminent", "epic", "equal", "exact",
    "expert", "fair", "famous", "fast", "fine", "firm", "fit", "flexible", "fluent", "fond",
    "frank", "free", "fresh", "full", "funny", "gentle", "genuine", "giving", "glad", "golden",
    "good", "graceful", "grand", "grateful", "great", "happy", "hardy", "healthy", "helpful",
    "honest", "hopeful", "humble", "ideal", "intent", "joyful", "just", "keen", "kind", "lasting",
    "lively", "logical", "loving", "loyal", "lucky", "magical", "major", "mature", "mellow",
    "merry", "mighty", "modern", "modest", "moral", "native", "natural", "neat", "neutral",
    "nimble", "noble", "normal", "novel", "optimal", "patient", "peaceful", "perfect", "pleasant",
    "poetic", "polite", "precise", "prime", "proper", "proud", "prudent", "pure", "quick", "quiet",
    "rapid", "rare", "ready", "refined", "relaxed", "robust", "sacred", "safe", "sharp", "shining",
    "simple", "sincere", "skilled", "smart", "smooth", "social", "solid", "sound", "square",
    "stable", "steady", "sterling", "stirring", "sturdy", "subtle", "sunny", "super", "supreme",
    "sure", "sweet", "swift", "tender", "thorough", "tidy", "tops", "trusted", "upright", "useful",
    "valid", "valued", "vast", "verified", "vital", "warm", "wealthy", "welcome", "well", "whole",
    "willing", "wise", "witty", "worthy",
];

/// Words for the last place.
#[rustfmt::skip]
const ANIMALS: [&str; 347] = [
    "albacore", "alpaca", "anchovy", "ant", "antelope", "ape", "baboon", "badger", "barnacle",
    "bat", "beagle", "bear", "beaver", "bee", "beetle", "bird", "bison", "bluebird", "boar",
    "bobcat", "bonefish", "buck", "buffalo", "bulldog", "bullfrog", "burro", "calf", "camel",
    "cardinal", "caribou", "cat", "catfish", "cheetah", "chicken", "chimp", "chipmunk", "cicada",
    "clam", "cobra", "cod", "collie", "colt", "condor", "coral", "corgi", "cougar", "cow", "coyote",
    "crab", "crane", "cricket", "crow", "cub", "deer", "dingo", "dog", "dolphin", "donkey", "dory",
    "dove", "drake", "duck", "eagle", "eel", "egret", "elephant", "elk", "emu", "falcon", "fawn",
    "feline", "ferret", "filly", "finch", "firefly", "fish", "flamingo", "flounder", "fly", "foal",
    "fowl", "fox", "frog", "gannet", "gazelle", "gecko", "gelding", "gibbon", "giraffe", "gnat",
    "gnu", "goat", "goldfish", "goose", "gopher", "goshawk", "griffon", "grouse", "gull", "guppy",
    "haddock", "halibut", "hamster", "hare", "hawk", "hedgehog", "hen", "heron", "herring", "hippo",
    "hog", "honeybee", "hornet", "horse", "hound", "humpback", "husky", "ibex", "iguana", "impala",
    "insect", "jackal", "jaguar", "jay", "jaybird", "jennet", "kangaroo", "killdeer", "kingfish",
    "kite", "kitten", "kiwi", "koala", "kodiak", "koi", "krill", "lacewing", "lamb", "lamprey",
    "lark", "lemming", "lemur", "leopard", "liger", "lion", "lioness", "lionfish", "lizard",
    "llama", "lobster", "locust", "longhorn", "loon", "lynx", "macaque", "macaw", "mackerel",
    "magpie", "mako", "malamute", "mallard", "mammal", "mammoth", "manatee", "mantis", "marlin",
    "marmoset", "marmot", "marten", "martin", "mastiff", "mastodon", "mayfly", "meerkat", "midge",
    "mink", "minnow", "moccasin", "mole", "mollusk", "mongoose", "monkey", "monkfish", "moose",
    "moray", "mosquito", "moth", "mouse", "mudfish", "mule", "mullet", "muskox", "muskrat",
    "narwhal", "newt", "ocelot", "octopus", "opossum", "orca", "oryx", "osprey", "ostrich", "otter",
    "owl", "ox", "oyster", "panda", "pangolin", "panther", "parakeet", "parrot", "peacock",
    "pelican", "penguin", "perch", "pheasant", "pig", "pigeon", "piglet", "pika", "pipefish",
    "piranha", "platypus", "polecat", "polliwog", "pony", "poodle", "porpoise", "possum", "prawn",
    "primate", "puma", "pup", "python", "quagga", "quail", "quetzal", "rabbit", "raccoon", "ram",
    "raptor", "rat", "rattler", "raven", "ray", "redbird", "redfish", "reindeer", "reptile",
    "rhino", "ringtail", "robin", "rodent", "rooster", "roughy", "sailfish", "salmon", "sawfish",
    "sawfly", "scorpion", "sculpin", "seagull", "seahorse", "seal", "seasnail", "serval", "shad",
    "shark", "sheep", "sheepdog", "shepherd", "shiner", "shrew", "shrimp", "silkworm", "skink",
    "skunk", "skylark", "sloth", "slug", "snail", "snake", "snapper", "snipe", "sole", "spaniel",
    "sparrow", "spider", "sponge", "squid", "squirrel", "stag", "stallion", "starfish", "starling",
    "steed", "stingray", "stork", "sturgeon", "sunbird", "sunfish", "swan", "swift", "swine",
    "tadpole", "tahr", "tapir", "tarpon", "teal", "termite", "terrapin", "terrier", "tetra",
    "thrush", "tick", "tiger", "titmouse", "toad", "tomcat", "tortoise", "toucan", "treefrog",
    "trout", "tuna", "turkey", "turtle", "urchin", "viper", "vulture", "wahoo", "wallaby",
    "walleye", "walrus", "warthog", "wasp", "weasel", "weevil", "whale", "whippet", "wildcat",
    "wolf", "wombat", "woodcock", "worm", "wren", "yak", "zebra",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::testing::create;

    #[test]
    fn words_are_counted() {
        let name = |given| create(&RandomPet, given).get_str("id").unwrap().to_owned();
        assert_eq!(name(vec![]).split('-').count(), 2);
        let long = name(vec![
            ("length", 4.into()),
            ("separator", ".".into()),
            ("prefix", "p".into()),
        ]);
        assert_eq!(long.split('.').count(), 5);
        assert!(long.starts_with("p."));
        assert_eq!(name(vec![("length", 1.into())]).split('-').count(), 1);
    }

    #[test]
    fn words_are_plain() {
        for words in [&ADVERBS[..], &ADJECTIVES[..], &ANIMALS[..]] {
            assert!(words.is_sorted());
            assert!(words.iter().all(|w| w.bytes().all(|b| b.is_ascii_lowercase())));
        }
    }
}
