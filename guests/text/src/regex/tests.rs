use super::{Error, Groups, Options, Regex, Syntax};

fn options(syntax: Syntax) -> Options {
    Options { utf8: true, ..Options::new(syntax) }
}

fn find(syntax: Syntax, pattern: &str, text: &str) -> Option<String> {
    let regex = Regex::new(pattern.as_bytes(), &options(syntax)).expect("the pattern is right");
    regex.find_at(text.as_bytes(), 0).map(|(start, end)| text[start..end].to_owned())
}

fn groups(syntax: Syntax, pattern: &str, text: &str) -> Vec<Option<String>> {
    let regex = Regex::new(pattern.as_bytes(), &options(syntax)).expect("the pattern is right");
    let mut groups = Groups::new();
    assert!(regex.groups_at(text.as_bytes(), 0, &mut groups), "{pattern} matches {text}");
    groups.into_iter().map(|group| group.map(|(start, end)| text[start..end].to_owned())).collect()
}

fn error(syntax: Syntax, pattern: &str) -> Error {
    Regex::new(pattern.as_bytes(), &options(syntax)).err().expect("the pattern is wrong")
}

#[test]
fn the_longest_alternative_wins() {
    for (pattern, text, longest) in [
        ("a|ab|abc", "xabcd", "abc"),
        ("(a|ab)(c|bcd)", "abcd", "abcd"),
        ("(foo|foobar)*", "foobarfoo", "foobarfoo"),
        ("a?(ab)?", "ab", "ab"),
        ("x*", "aaa", ""),
    ] {
        assert_eq!(find(Syntax::Extended, pattern, text).as_deref(), Some(longest), "{pattern}");
    }
    assert_eq!(find(Syntax::Perl, "a|ab|abc", "xabcd").as_deref(), Some("a"));
    // The word boundary keeps the automaton from looking at what is not ASCII.
    assert_eq!(find(Syntax::Extended, r"\b(é|éa|éab)", "x éab").as_deref(), Some("éab"));
}

#[test]
fn groups_follow_the_longest_match() {
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(groups(Syntax::Extended, "(a)(b)?", "ac"), [some("a"), some("a"), None]);
    assert_eq!(groups(Syntax::Extended, "(a|ab)(c|bcd)(d*)", "abcd")[0], some("abcd"));
    assert_eq!(groups(Syntax::Basic, r"\(.\)\(.\)", "xy"), [some("xy"), some("x"), some("y")]);
}

#[test]
fn back_references_match_what_their_group_did() {
    assert_eq!(find(Syntax::Basic, r"\(.\)\1", "abccd").as_deref(), Some("cc"));
    assert_eq!(find(Syntax::Extended, r"(a*)b\1", "aabaa").as_deref(), Some("aabaa"));
    assert_eq!(find(Syntax::Extended, r"^(.*)-\1$", "ab-ab").as_deref(), Some("ab-ab"));
    assert_eq!(find(Syntax::Extended, r"(.)\1", "abc"), None);
    assert_eq!(error(Syntax::Basic, r"\1").to_string(), "Invalid back reference");
}

#[test]
fn basic_expressions_have_their_own_operators() {
    for (pattern, text, found) in [
        ("a+b", "aa+b", "a+b"),
        (r"a\+b", "aab", "aab"),
        (r"a\{2\}", "aaa", "aa"),
        ("*a", "x*a", "*a"),
        (r"\(*a\)", "*a", "*a"),
        ("^*a", "*a", "*a"),
        ("a^b$c", "a^b$c", "a^b$c"),
        (r"a\|b", "b", "b"),
        ("a|b", "a|b", "a|b"),
        (r"\.", "x.", "."),
    ] {
        assert_eq!(find(Syntax::Basic, pattern, text).as_deref(), Some(found), "{pattern}");
    }
}

#[test]
fn brackets_take_almost_everything_literally() {
    for (pattern, text, found) in [
        ("[]a]+", "x]a", "]a"),
        ("[^]a]+", "]xy", "xy"),
        (r"[\.]+", r"\.", r"\."),
        ("[a-c-]+", "xb-", "b-"),
        ("[[:digit:]-]+", "a1-2", "1-2"),
        ("[[.-.]]", "a-", "-"),
        ("[[=e=]]", "e", "e"),
        ("[é-ü]", "aö", "ö"),
    ] {
        assert_eq!(find(Syntax::Extended, pattern, text).as_deref(), Some(found), "{pattern}");
    }
    assert_eq!(find(Syntax::Awk, r"[\/\]]+", "a/]").as_deref(), Some("/]"));
    assert_eq!(error(Syntax::Extended, "[a").to_string(), "Unmatched [, [^, [:, [., or [=");
    assert_eq!(error(Syntax::Extended, "[b-a]").to_string(), "Invalid range end");
    assert_eq!(error(Syntax::Extended, "[[:nope:]]").to_string(), "Invalid character class name");
}

#[test]
fn perl_patterns_look_around() {
    for (pattern, text, found) in [
        (r"(?<=a)b", "bab", Some("b")),
        (r"(?<!a)b", "ab", None),
        (r"a(?=b)", "acab", Some("a")),
        (r"a(?!b)\w", "abac", Some("ac")),
        (r"foo\Kbar", "foobar", Some("bar")),
        (r"(?i)ABC", "xabc", Some("abc")),
        (r"(?i:A)B", "aB", Some("aB")),
        (r"a.*?b", "axbxb", Some("axb")),
        (r"(?>a*)ab", "aaab", None),
        (r"a*+a", "aaa", None),
        (r"(?<x>a)\k<x>", "baa", Some("aa")),
        (r"\Qa.b\E", "a.b", Some("a.b")),
        (r"\x41\d{2}", "A12", Some("A12")),
        (r"\p{Lu}+", "aÉB", Some("ÉB")),
    ] {
        assert_eq!(find(Syntax::Perl, pattern, text).as_deref(), found, "{pattern}");
    }
    assert!(error(Syntax::Perl, "(?<=a+)b").to_string().contains("lookbehind"));
    assert!(error(Syntax::Perl, "(a").to_string().contains("parenthesis"));
}

#[test]
fn bytes_that_are_no_characters_are_matched_by_themselves_only() {
    let regex = Regex::new(b".", &options(Syntax::Basic)).expect("a pattern");
    assert_eq!(regex.find_at(b"\xFFa", 0), Some((1, 2)));
    let regex = Regex::new(b"\xFF", &options(Syntax::Basic)).expect("a pattern");
    assert_eq!(regex.find_at(b"a\xFF", 0), Some((1, 2)));
    let bytes = Options { utf8: false, ..options(Syntax::Basic) };
    let regex = Regex::new(b"^.\xC3$", &bytes).expect("a pattern");
    assert!(regex.is_match(b"\xFF\xC3"));
}

#[test]
fn wrong_patterns_are_errors_and_not_panics() {
    let (deep, stars) = ("(".repeat(10_000), format!("a{}", "*".repeat(100_000)));
    for pattern in ["(", ")", r"\", "a{2,1}", "a{99999}", &deep, &stars, "(((((a{1000}){1000}){1000}))){1000}"] {
        let _ = error(Syntax::Extended, pattern);
    }
    for pattern in [r"\(", r"a\{", r"a\{x\}", r"\)"] {
        let _ = error(Syntax::Basic, pattern);
    }
}
