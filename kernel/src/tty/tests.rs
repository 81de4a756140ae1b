use std::task::Waker;

use proptest::prelude::*;

use super::*;

const SIZE: Size = Size { rows: 24, cols: 80 };

fn tty() -> Tty {
    Tty::new(SIZE, Capacity { input: 0, screen: 1 << 16 })
}

/// Types as much as is taken, and returns the signals.
fn type_all(tty: &Tty, text: impl AsRef<[u8]>) -> Vec<Signal> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut rest = text.as_ref();
    let mut signals = Vec::new();
    while !rest.is_empty() {
        let Poll::Ready(Ok(input)) = tty.type_input(&mut cx, rest) else { break };
        rest = &rest[input.taken..];
        signals.extend(input.signal);
    }
    signals
}

/// Reads once; `None` if that would wait.
fn read(tty: &Tty) -> Option<String> {
    let mut buf = vec![0; 10_000];
    match tty.read(&mut Context::from_waker(Waker::noop()), &mut buf) {
        Poll::Ready(count) => Some(String::from_utf8_lossy(&buf[..count]).into_owned()),
        Poll::Pending => None,
    }
}

fn shown(tty: &Tty) -> String {
    match tty.read_screen(&mut Context::from_waker(Waker::noop()), &mut 0, usize::MAX) {
        Poll::Ready(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Poll::Pending => String::new(),
    }
}

/// Returns the lines of a screen as one sees them: with backspaces and carriage returns done.
fn seen(tty: &Tty) -> Vec<String> {
    let mut lines = vec![Vec::new()];
    let mut column = 0;
    for character in shown(tty).chars() {
        match character {
            '\r' => column = 0,
            '\n' => lines.push(Vec::new()),
            '\u{8}' => column = usize::saturating_sub(column, 1),
            character => {
                let cells = match character {
                    '\t' => vec![' '; screen::after_tab(column) - column],
                    // The second column of a wide character is a cell that holds nothing.
                    character => [vec![character], vec!['\0'; screen::width(character).saturating_sub(1)]].concat(),
                };
                let Some(line) = lines.last_mut() else { continue };
                for cell in cells {
                    line.resize(line.len().max(column + 1), ' ');
                    line[column] = cell;
                    column += 1;
                }
            }
        }
    }
    let text = |line: Vec<char>| line.into_iter().filter(|&cell| cell != '\0').collect::<String>();
    lines.into_iter().map(|line| text(line).trim_end().to_owned()).collect()
}

fn set(tty: &Tty, change: impl FnOnce(&mut Modes)) {
    let mut modes = tty.modes();
    change(&mut modes);
    tty.set_modes(modes, false);
}

fn raw(modes: &mut Modes) {
    modes.local &= !(ICANON | ECHO | ISIG);
}

#[test]
fn a_line_is_read_when_it_is_complete() {
    let tty = tty();
    type_all(&tty, "one");
    assert_eq!(read(&tty), None);
    type_all(&tty, "\rtwo\n");
    assert_eq!(read(&tty).as_deref(), Some("one\n"));
    assert_eq!(read(&tty).as_deref(), Some("two\n"));
    assert_eq!(read(&tty), None);
    assert_eq!(shown(&tty), "one\r\ntwo\r\n");
}

#[test]
fn a_short_read_leaves_the_rest_of_the_line() {
    let tty = tty();
    type_all(&tty, "abc\nd\n");
    let mut buf = [0; 2];
    assert_eq!(tty.read(&mut Context::from_waker(Waker::noop()), &mut buf), Poll::Ready(2));
    assert_eq!(read(&tty).as_deref(), Some("c\n"));
    assert_eq!(read(&tty).as_deref(), Some("d\n"));
}

#[test]
fn an_end_of_file_is_read_once() {
    let tty = tty();
    type_all(&tty, "\x04");
    assert_eq!(read(&tty).as_deref(), Some(""));
    assert_eq!(read(&tty), None);
    // Behind text it ends the line, and isn't an end of file.
    type_all(&tty, "abc\x04");
    assert_eq!(read(&tty).as_deref(), Some("abc"));
    assert_eq!(read(&tty), None);
    assert_eq!(shown(&tty), "abc");
}

#[test]
fn characters_words_and_lines_are_erased() {
    for (typed, line, screen) in [
        ("abd\x7fc", "abc\n", "abc"),
        ("ü日本\x7f", "ü日\n", "ü日"),
        ("a\u{301}\x7f\x7fb", "b\n", "b"),
        ("a\x16\x03b\x7f\x7f\x7fc", "c\n", "c"),
        ("one two  \x17three", "one three\n", "one three"),
        ("one\x17\x17x", "x\n", "x"),
        ("any thing\x15x", "x\n", "x"),
        ("a\tb\x7f\x7f\x7fc", "c\n", "c"),
        ("\x7f\x7fa", "a\n", "a"),
    ] {
        let tty = tty();
        // A prompt, which tab stops are counted from.
        assert_eq!(tty.write("\x1b[1m日$\x1b[m ".as_bytes()), Ok(()));
        type_all(&tty, typed);
        let screen_lines = seen(&tty);
        assert_eq!(screen_lines.last().map(|line| line.ends_with(screen)), Some(true), "{typed:?}: {screen_lines:?}");
        type_all(&tty, "\r");
        assert_eq!(read(&tty).as_deref(), Some(line), "{typed:?}");
    }
}

#[test]
fn control_characters_are_shown_with_a_caret() {
    let tty = tty();
    type_all(&tty, "a\x01\x16\x04\x7f\x0c\n");
    assert_eq!(read(&tty).as_deref(), Some("a\x01\x0c\n"));
    assert_eq!(seen(&tty), ["a^A^L", ""]);
}

#[test]
fn a_line_is_shown_again() {
    let tty = tty();
    type_all(&tty, "abc\x12d\n");
    assert_eq!(seen(&tty), ["abc^R", "abcd", ""]);
    assert_eq!(read(&tty).as_deref(), Some("abcd\n"));
}

#[test]
fn signals_flush_what_was_typed() {
    let tty = tty();
    assert_eq!(type_all(&tty, "line\nrest\x03"), [Signal::Interrupt]);
    assert_eq!(read(&tty), None);
    assert_eq!(type_all(&tty, "\x1c\x1anext\n"), [Signal::Quit, Signal::Suspend]);
    assert_eq!(read(&tty).as_deref(), Some("next\n"));
    assert!(shown(&tty).ends_with("rest^C^\\^Znext\r\n"));

    set(&tty, |modes| modes.local |= NOFLSH);
    assert_eq!(type_all(&tty, "kept\x03\n"), [Signal::Interrupt]);
    assert_eq!(read(&tty).as_deref(), Some("kept\n"));
}

#[test]
fn raw_mode_passes_bytes() {
    let tty = tty();
    set(&tty, |modes| {
        raw(modes);
        modes.input &= !ICRNL;
    });
    assert!(type_all(&tty, "a\x03\r\x7f\x04").is_empty());
    assert_eq!(read(&tty).as_deref(), Some("a\x03\r\x7f\x04"));
    assert_eq!(read(&tty), None);
    assert_eq!(shown(&tty), "");
}

#[test]
fn min_and_time_say_what_a_raw_read_waits_for() {
    let tty = tty();
    set(&tty, |modes| {
        raw(modes);
        modes.chars.min = 3;
    });
    type_all(&tty, "ab");
    assert_eq!(read(&tty), None);
    type_all(&tty, "c");
    assert_eq!(read(&tty).as_deref(), Some("abc"));
    set(&tty, |modes| modes.chars.min = 0);
    assert_eq!(read(&tty).as_deref(), Some(""));
    assert!(tty.poll_readable(&mut Context::from_waker(Waker::noop())).is_pending());
    set(&tty, |modes| modes.chars.time = 5);
    assert_eq!(read(&tty), None);
    assert_eq!(tty.read_timeout(), Some(Duration::from_millis(500)));
    type_all(&tty, "x");
    assert_eq!(read(&tty).as_deref(), Some("x"));
}

#[test]
fn what_was_typed_survives_a_change_of_modes() {
    let tty = tty();
    type_all(&tty, "line\npart");
    set(&tty, raw);
    assert_eq!(read(&tty).as_deref(), Some("line\npart"));
    type_all(&tty, "ahead");
    set(&tty, |modes| *modes = Modes::default());
    assert_eq!(read(&tty).as_deref(), Some("ahead"));
    type_all(&tty, "gone\n");
    tty.set_modes(Modes::default(), true);
    assert_eq!(read(&tty), None);
}

#[test]
fn typing_waits_for_the_reader_but_not_its_signals() {
    let tty = tty();
    let mut cx = Context::from_waker(Waker::noop());
    let line = [b'x'; 2000].into_iter().chain([b'\n']).collect::<Vec<_>>();
    let mut lines = 0;
    while let Poll::Ready(Ok(input)) = tty.type_input(&mut cx, &line) {
        lines += usize::from(input.taken == line.len());
        assert!(lines < 10);
        if input.taken < line.len() {
            break;
        }
    }
    assert!(tty.type_input(&mut cx, b"\n").is_pending());
    assert_eq!(read(&tty).map(|line| line.len()), Some(2001));
    assert!(tty.type_input(&mut cx, b"\n").is_ready());
    assert_eq!(type_all(&tty, [b'\n'; 100_000]), []);
    assert_eq!(type_all(&tty, "\x03"), [Signal::Interrupt]);
    assert_eq!(read(&tty), None);
}

#[test]
fn a_line_that_is_too_long_is_cut_and_rings() {
    let tty = tty();
    type_all(&tty, [b'x'; 5000]);
    type_all(&tty, "\n");
    assert_eq!(read(&tty).map(|line| line.len()), Some(MAX_CANON));
    assert!(shown(&tty).ends_with("\u{7}\r\n"));
}

#[test]
fn hanging_up_ends_all() {
    let tty = tty();
    type_all(&tty, "unread\n");
    assert_eq!(tty.write(b"last"), Ok(()));
    tty.hang_up();
    assert_eq!(read(&tty).as_deref(), Some(""));
    assert_eq!(tty.write(b"x"), Err(Errno::Io));
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(tty.type_input(&mut cx, b"x"), Poll::Ready(Err(Errno::Io)));
    let mut position = 0;
    assert_eq!(tty.read_screen(&mut cx, &mut position, 100), Poll::Ready(b"unread\r\nlast".to_vec()));
    assert_eq!(tty.read_screen(&mut cx, &mut position, 100), Poll::Ready(Vec::new()));
}

#[test]
fn a_late_watcher_goes_on_at_a_whole_line() {
    let tty = Tty::new(SIZE, Capacity { input: 0, screen: 16 });
    let mut cx = Context::from_waker(Waker::noop());
    let mut position = 0;
    assert_eq!(tty.write(b"one\n"), Ok(()));
    assert_eq!(tty.read_screen(&mut cx, &mut position, 100), Poll::Ready(b"one\r\n".to_vec()));
    assert_eq!(tty.write(b"two\nthree\nfour\nfive"), Ok(()));
    assert_eq!(tty.read_screen(&mut cx, &mut position, 100), Poll::Ready(b"four\r\nfive".to_vec()));
    assert!(tty.read_screen(&mut cx, &mut position, 100).is_pending());
    assert_eq!(tty.write("日本日本日本日本".as_bytes()), Ok(()));
    let late = tty.read_screen(&mut cx, &mut 0, 100);
    assert_eq!(late, Poll::Ready("本日本日本".as_bytes().to_vec()));
}

#[test]
fn the_size_changes_once() {
    let tty = tty();
    assert_eq!(tty.set_size(SIZE), None);
    assert_eq!(tty.set_size(Size { rows: 1, cols: 1 }), Some(Signal::WindowChanged));
    assert_eq!(tty.size(), Size { rows: 1, cols: 1 });
}

#[test]
fn the_background_is_what_the_foreground_is_not() {
    let tty = tty();
    tty.set_session(7);
    assert!(!tty.is_background(7, 7));
    tty.set_foreground(9);
    assert!(tty.is_background(7, 7) && !tty.is_background(7, 9));
    assert!(!tty.is_background(8, 8), "it isn't the terminal of that session");
}

/// Something that one can type: a key, or a word.
fn keys() -> impl Strategy<Value = Vec<String>> {
    let key = prop_oneof![
        6 => "[a-zé日 \t]{1,4}",
        2 => Just("\x7f".to_owned()),
        1 => Just("\x17".to_owned()),
        1 => Just("\x15".to_owned()),
        1 => Just("\x12".to_owned()),
        1 => "\x16[\x01-\x08\x0b-\x1a]",
        2 => Just("\n".to_owned()),
    ];
    prop::collection::vec(key, 0..40)
}

proptest! {
    /// What one sees in the end is what a program reads.
    #[test]
    fn the_screen_shows_the_line(keys in keys()) {
        let tty = tty();
        for key in &keys {
            type_all(&tty, key);
        }
        // The line that is being edited, as a program will read it.
        type_all(&tty, "\x04");
        let mut line = String::new();
        while let Some(text) = read(&tty) {
            line = text;
        }
        let line = if line.ends_with('\n') { String::new() } else { line };
        let mut expected = String::new();
        for character in line.chars() {
            match character {
                '\t' => {
                    let column: usize = expected.chars().map(screen::width).sum();
                    expected.push_str(&" ".repeat(screen::after_tab(column) - column));
                }
                character if character.is_ascii_control() => {
                    expected.extend(['^', char::from(character as u8 ^ 0x40)]);
                }
                character => expected.push(character),
            }
        }
        let seen = seen(&tty);
        prop_assert_eq!(seen.last().map(String::as_str), Some(expected.trim_end()));
    }

    /// Whatever is typed under whatever modes, no more is held than there is room for, and raw bytes are neither lost nor
    /// changed.
    #[test]
    fn buffers_are_bounded_and_raw_input_is_whole(parts in prop::collection::vec(
        (any::<bool>(), prop::collection::vec(any::<u8>(), 0..3000)), 0..12,
    )) {
        let tty = Tty::new(SIZE, Capacity { input: 0, screen: 1000 });
        let mut cx = Context::from_waker(Waker::noop());
        for (canonical, bytes) in parts {
            set(&tty, |modes| {
                raw(modes);
                modes.input &= !ICRNL;
                if canonical {
                    modes.local |= ICANON;
                }
            });
            if !canonical {
                while read(&tty).is_some() {}
                prop_assert!(type_all(&tty, &bytes).is_empty());
                let mut buf = vec![0; 10_000];
                let expected = if bytes.is_empty() { Poll::Pending } else { Poll::Ready(bytes.len()) };
                prop_assert_eq!(tty.read(&mut cx, &mut buf), expected);
                prop_assert_eq!(&buf[..bytes.len()], &bytes[..]);
            } else {
                type_all(&tty, &bytes);
            }
            prop_assert!(shown(&tty).len() <= 1000);
        }
    }
}
