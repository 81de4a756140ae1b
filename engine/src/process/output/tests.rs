use std::task::Waker;

use stillbox_api::OutputStream::{Stderr, Stdout};

use super::*;

/// Returns an output that shares its limit with no other.
fn unshared(limit: u64) -> Arc<Output> {
    Output::new(limit, &Account::new(u64::MAX))
}

/// Returns what a follower gives without waiting, and whether it has ended.
fn drain(follower: &mut Follower) -> (Vec<OutputEvent>, bool) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut events = Vec::new();
    loop {
        match Pin::new(&mut *follower).poll_next(&mut cx) {
            Poll::Ready(Some(event)) => events.push(event.unwrap()),
            Poll::Ready(None) => return (events, true),
            Poll::Pending => return (events, false),
        }
    }
}

fn lines(events: &[OutputEvent]) -> Vec<&str> {
    events.iter().map(|event| &*event.line).collect()
}

#[test]
fn lines_and_bytes_of_all_kinds_of_text() {
    for (written, expected) in [
        (&b""[..], &[][..]),
        (b"\n", &[""]),
        (b"a", &["a"]),
        (b"a\nb\n", &["a", "b"]),
        (b"a\r\nb\r\r\nc\r", &["a", "b\r", "c"]),
        (b"\n\na\n\n", &["", "", "a", ""]),
        (b"\xff\xc3\n\xa4", &["\u{fffd}\u{fffd}", "\u{fffd}"]),
    ] {
        let output = unshared(1000);
        output.append(Stdout, written, 1);
        let captured = output.captured(Some(Stdout));
        assert_eq!((&*captured.bytes, captured.missed_bytes), (written, 0));
        assert_eq!(captured.lines, expected);
        assert_eq!(text_of(written), expected.join("\n"), "of {written:?}");
        assert_eq!(output.captured(Some(Stderr)), Captured::default());
        assert_eq!(output.captured(None).lines, expected);
        assert_eq!(output.take(Stdout), (Bytes::from_static(written), 0));
    }
}

#[test]
fn both_streams_come_in_the_order_in_which_their_lines_end() {
    let output = unshared(1000);
    let mut live = output.follow(None);
    output.append(Stdout, b"out", 1);
    output.append(Stderr, b"err 1\nerr", 2);
    assert_eq!(lines(&drain(&mut live).0), ["err 1"]);
    output.append(Stdout, b" 1\nout 2\nlast", 3);
    output.append(Stderr, b" 2\n", 4);
    let (events, ended) = drain(&mut live);
    assert_eq!((lines(&events), ended), (vec!["out 1", "out 2", "err 2"], false));
    assert_eq!(events.iter().map(|event| event.timestamp_ms).collect::<Vec<_>>(), [3, 3, 4]);
    output.close(9);
    let (events, ended) = drain(&mut live);
    assert_eq!((lines(&events), events[0].timestamp_ms, ended), (vec!["last"], 9, true));

    let (replayed, ended) = drain(&mut output.follow(None));
    assert_eq!((lines(&replayed), ended), (vec!["err 1", "out 1", "out 2", "err 2", "last"], true));
    assert_eq!(output.captured(None).lines, lines(&replayed));
    assert_eq!(&*output.captured(None).bytes, b"outerr 1\nerr 1\nout 2\nlast 2\n");
    assert_eq!(lines(&drain(&mut output.follow(Some(Stderr))).0), ["err 1", "err 2"]);
    // Nothing is captured after the end.
    output.append(Stdout, b"late\n", 10);
    assert_eq!(output.captured(Some(Stdout)).lines, ["out 1", "out 2", "last"]);
}

#[test]
fn a_slow_follower_is_told_what_it_missed() {
    let output = unshared(4096);
    let (mut idle, mut busy) = (output.follow(Some(Stdout)), output.follow(Some(Stdout)));
    let (mut written, mut seen) = (0, 0);
    for line in 0..10_000 {
        let text = format!("{line}\n");
        written += text.len() as u64;
        output.append(Stdout, text.as_bytes(), line / 100);
        seen += drain(&mut busy).0.iter().inspect(|event| assert_eq!(event.missed_bytes, 0)).count();
    }
    assert_eq!(seen, 10_000);

    let (events, _) = drain(&mut idle);
    assert!(events[0].missed_bytes > 0 && events[1..].iter().all(|event| event.missed_bytes == 0));
    let first: u64 = events[0].line.parse().unwrap();
    assert!(events.iter().zip(first..).all(|(event, line)| event.line == line.to_string()), "a line was cut");
    assert_eq!(lines(&events).last(), Some(&"9999"));
    assert_eq!(events.iter().map(|event| event.line.len() as u64 + 1 + event.missed_bytes).sum::<u64>(), written);

    let captured = output.captured(Some(Stdout));
    assert_eq!(captured.bytes.len() as u64 + captured.missed_bytes, written);
    assert_eq!(captured.lines, lines(&events));
    assert!((2048..=4096).contains(&captured.bytes.len()));
    let (bytes, missed) = output.take(Stdout);
    assert_eq!((bytes, missed), (captured.bytes, captured.missed_bytes));
}

#[test]
fn what_is_held_is_bounded_whatever_is_written() {
    let output = unshared(4096);
    let held = || {
        let state = output.state.lock();
        state.rings.iter().map(|ring| ring.bytes.len() + ring.marks.len() * size_of::<Mark>()).max()
    };
    let mut follower = output.follow(None);
    // Byte by byte, in turn, each at a time of its own: the most marks that there can be.
    for time in 0..5000 {
        output.append(STREAMS[time as usize % 2], b"x", time);
        assert!(held() <= Some(4096));
    }
    // One line that is longer than the ring, in one part and in many.
    output.append(Stdout, &[b'y'; 100_000], 6000);
    assert!(held() <= Some(4096));
    for _ in 0..100 {
        output.append(Stderr, &[b'z'; 1000], 6000);
        assert!(held() <= Some(4096));
    }
    output.append(Stderr, b"end\n", 6001);
    let (events, _) = drain(&mut follower);
    assert_eq!(events.len(), 1);
    assert!(events[0].line.ends_with("zzend") && events[0].missed_bytes > 90_000);
    output.close(7000);
    let (events, ended) = drain(&mut follower);
    assert!(ended && events.len() == 1 && events[0].line.starts_with("yyy") && events[0].missed_bytes > 90_000);
}

#[test]
fn a_ring_agrees_with_a_plain_list_of_lines() {
    let mut random = 1_u32;
    let mut next = |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) % below
    };
    for _ in 0..200 {
        let output = unshared(u64::from(next(1000)));
        let mut follower = output.follow(Some(Stdout));
        let (mut written, mut followed) = (Vec::new(), 0);
        for time in 0..u64::from(next(100)) {
            let part: Vec<u8> =
                (0..next(30)).map(|_| if next(8) == 0 { b'\n' } else { b'a' + next(26) as u8 }).collect();
            written.extend_from_slice(&part);
            output.append(STREAMS[usize::from(next(5) == 0)], b"", time);
            output.append(Stdout, &part, time / 3);
            if next(3) == 0 {
                followed +=
                    drain(&mut follower).0.iter().map(|e| e.line.len() as u64 + 1 + e.missed_bytes).sum::<u64>();
            }
            let captured = output.captured(Some(Stdout));
            assert_eq!(captured.bytes, written[written.len() - captured.bytes.len()..]);
            assert_eq!(captured.bytes.len() as u64 + captured.missed_bytes, written.len() as u64);
        }
        output.close(1000);
        followed += drain(&mut follower).0.iter().map(|e| e.line.len() as u64 + 1 + e.missed_bytes).sum::<u64>();
        let unended = written.last().is_some_and(|&byte| byte != b'\n');
        assert_eq!(followed, written.len() as u64 + u64::from(unended));
    }
}

#[test]
fn a_follower_is_woken_by_lines_and_by_the_end() {
    let output = unshared(1000);
    let writer = output.clone();
    let thread = std::thread::spawn(move || {
        for line in 0..100 {
            writer.append(Stdout, b"half", line);
            std::thread::yield_now();
            writer.append(Stdout, b" whole\n", line);
        }
        writer.close(100);
    });
    let mut follower = output.follow(Some(Stdout));
    let mut count = 0;
    let next = |follower: &mut Follower| {
        stillbox_kernel::wait::block_on(None, |cx| Pin::new(&mut *follower).poll_next(cx)).flatten()
    };
    while let Some(event) = next(&mut follower) {
        let event = event.unwrap();
        assert!(event.line == "half whole" || event.missed_bytes > 0);
        count += 1 + event.missed_bytes / 11;
    }
    assert_eq!(count, 100);
    thread.join().unwrap();
}

/// Captured output of several processes comes out of one allowance; whoever gets nothing keeps the least.
#[test]
fn outputs_share_an_allowance() {
    let account = Account::new(100_000);
    let (first, second) = (Output::new(80_000, &account), Output::new(80_000, &account));
    let line = [b'x'; 99].into_iter().chain([b'\n']).collect::<Vec<u8>>();
    let fill = |output: &Output| (0..1_000).for_each(|time| output.append(Stdout, &line, time));
    let held = |output: &Output| output.captured(Some(Stdout)).bytes.len();
    fill(&first);
    assert!((50_000..=80_000).contains(&held(&first)), "{}", held(&first));
    fill(&second);
    assert!((LIMIT_MIN / 2..=20_000).contains(&held(&second)), "{}", held(&second));
    assert!(account.used() <= 100_000);
    let (_, missed) = second.take(Stdout);
    assert!(missed >= 80_000);
    drop(first);
    assert_eq!(account.used(), 0);
    fill(&second);
    assert!(held(&second) > 50_000);
}

/// What describes the lines counts: an empty line takes 25 times as much as its byte.
#[test]
fn many_short_lines_take_no_more_than_their_limit() {
    let account = Account::new(u64::MAX);
    let output = Output::new(64 << 10, &account);
    for time in 0..100_000 {
        output.append(Stdout, b"\n", time);
    }
    let state = output.state.lock();
    let ring = &state.rings[Stdout as usize];
    assert!(ring.bytes.capacity() + ring.marks.capacity() * size_of::<Mark>() <= 2 * (64 << 10));
    assert!(account.used() <= 64 << 10);
}

/// Keeps what it is given.
#[derive(Default)]
struct Kept(Mutex<Vec<u8>>);

impl OutputSink for Kept {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().extend(bytes);
        Ok(())
    }
}

#[test]
fn a_redirected_stream_goes_on_where_the_captured_one_ends() {
    let output = unshared(1000);
    output.write(Stdout, b"one\ntw", 1).unwrap();
    output.write(Stderr, b"error\n", 2).unwrap();
    let (first, second) = (Arc::new(Kept::default()), Arc::new(Kept::default()));
    output.redirect(Stdout, first.clone());
    output.write(Stdout, b"o\nth", 3).unwrap();
    output.redirect(Stdout, second.clone());
    output.write(Stdout, b"ree\n", 4).unwrap();
    assert_eq!((&first.0.lock()[..], &second.0.lock()[..]), (&b"one\ntwo\nth"[..], &b"ree\n"[..]));
    assert_eq!((output.captured(Some(Stdout)).lines.len(), &*output.captured(None).lines[0]), (0, "error"));

    // What is saved of it, and what comes when it has been brought back, is what nobody has been given.
    let restored = Output::load(&output.save(), 1000, &Account::new(u64::MAX));
    restored.write(Stdout, b"four\n", 5).unwrap();
    let third = Arc::new(Kept::default());
    restored.redirect(Stdout, third.clone());
    assert_eq!(&third.0.lock()[..], b"four\n");
}
