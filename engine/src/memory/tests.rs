//! What a memory shows at first, and that nothing of it is left.

use std::os::unix::fs::FileExt as _;

use stillbox_checkpoint::pages::Pages;

use super::image::PAGE_BYTES;
use super::*;

const RESERVED: usize = 64 << 20;

fn image(text: &'static [u8]) -> Arc<Image> {
    Image::of_segments(text.len(), [(0, text)]).unwrap()
}

fn bytes(slot: &mut Slot) -> &mut [u8] {
    let accessible = slot.accessible;
    // SAFETY: these bytes are accessible, and the slot is this test's alone.
    unsafe { slot.reservation.bytes_mut(0..accessible) }
}

#[test]
fn a_memory_shows_its_image_and_then_zeros() {
    let (pool, image) = (Pool::default(), image(b"hello"));
    let mut slot = pool.take(Some(&image), 3 * PAGE_BYTES, RESERVED).unwrap();
    assert_eq!(&bytes(&mut slot)[..6], b"hello\0");
    assert!(bytes(&mut slot)[6..].iter().all(|&byte| byte == 0));
}

#[test]
fn a_memory_that_grows_shows_the_rest_of_its_image() {
    let pool = Pool::default();
    let image = Image::of_segments(3 * PAGE_BYTES, [(2 * PAGE_BYTES as u64, &b"late"[..])]).unwrap();
    let mut slot = pool.take(Some(&image), PAGE_BYTES, RESERVED).unwrap();
    slot.extend(4 * PAGE_BYTES).unwrap();
    assert_eq!(&bytes(&mut slot)[2 * PAGE_BYTES..][..5], b"late\0");
    assert_eq!(bytes(&mut slot)[4 * PAGE_BYTES - 1], 0);
}

#[test]
fn what_one_memory_writes_no_other_sees() {
    let (pool, image) = (Pool::default(), image(b"hello"));
    let mut one = pool.take(Some(&image), PAGE_BYTES, RESERVED).unwrap();
    bytes(&mut one)[0] = b'J';
    let mut other = pool.take(Some(&image), PAGE_BYTES, RESERVED).unwrap();
    assert_eq!(&bytes(&mut other)[..5], b"hello");
    assert_eq!(&image.bytes()[..5], b"hello");
}

/// Fills a memory of `pages`, grown by as many, and looks for what is left of that in the next.
fn leaves_nothing(image: Option<&Arc<Image>>, pages: usize, stride: usize) {
    let pool = Pool::default();
    let first = |slot: &mut Slot| bytes(slot).to_vec();
    let mut slot = pool.take(image, pages * PAGE_BYTES, RESERVED).unwrap();
    let fresh = first(&mut slot);
    slot.extend(2 * pages * PAGE_BYTES).unwrap();
    bytes(&mut slot).iter_mut().step_by(stride).for_each(|byte| *byte = 0xa5);
    let at = slot.reservation.base();
    pool.give_back(slot, pages * PAGE_BYTES);

    let mut again = pool.take(image, pages * PAGE_BYTES, RESERVED).unwrap();
    assert_eq!(again.reservation.base(), at, "the same address space serves again");
    assert!(first(&mut again) == fresh, "{pages} pages, every {stride} bytes");
    again.extend(2 * pages * PAGE_BYTES).unwrap();
    assert!(bytes(&mut again)[pages * PAGE_BYTES..].iter().all(|&byte| byte == 0));
}

#[test]
fn nothing_is_left_of_a_memory() {
    // A few written pages are restored by hand; many, or many apart, are given back to the system.
    for (pages, stride) in [(1, 1), (1, 60_000), (8, 1), (64, 1), (64, 8192), (64, 300_000)] {
        leaves_nothing(None, pages, stride);
        let text: Vec<u8> = (0..PAGE_BYTES).map(|at| at as u8 | 1).collect();
        leaves_nothing(Some(&Image::of_segments(PAGE_BYTES, [(0, &text[..])]).unwrap()), pages, stride);
    }
}

#[test]
fn an_image_that_nobody_has_any_more_is_not_kept() {
    let (pool, image) = (Pool::default(), image(b"hello"));
    let weak = Arc::downgrade(&image);
    let slot = pool.take(Some(&image), PAGE_BYTES, RESERVED).unwrap();
    drop(image);
    pool.give_back(slot, PAGE_BYTES);
    assert!(weak.upgrade().is_none());
}

#[test]
fn images_go_to_the_memories_they_are_meant_for() {
    let (first, third) = (image(b"first"), image(b"third"));
    let ty = || MemoryType::new(1, None);
    let memories = Memories::default();
    let make = |reserved: u64| {
        memories.new_memory(ty(), PAGE_BYTES, None, Some(reserved as usize), PAGE_BYTES).map(|memory| {
            // SAFETY: a memory of a page was just made here.
            unsafe { std::slice::from_raw_parts(memory.as_ptr(), 5) }.to_vec()
        })
    };
    let made = with_images(&[Some(first), None, Some(third)], || {
        [RESERVATION_BYTES, 1 << 30, RESERVATION_BYTES, RESERVATION_BYTES, RESERVATION_BYTES].map(make)
    });
    let made = made.map(Result::unwrap);
    let expected = [&b"first"[..], &[0; 5], &[0; 5], b"third", &[0; 5]];
    assert_eq!(made, expected);
}

/// Saves what a slot holds, as that of a process that stands.
fn saved(slot: &mut Slot, base: Option<&Arc<Image>>) -> Arc<Image> {
    let (at, len) = (slot.reservation.base(), slot.accessible);
    // SAFETY: the slot is accessible up to here, and this test's alone.
    unsafe { save(at, len, base) }.unwrap()
}

#[test]
fn a_memory_that_is_saved_again_and_again_keeps_what_is_in_it() {
    let pool = Pool::default();
    let first = Image::of_segments(5 * PAGE_BYTES, [(0, &b"first"[..]), (4 * PAGE_BYTES as u64, b"fifth")]).unwrap();
    for base in [None, Some(&first)] {
        let mut slot = pool.take(base, 8 * PAGE_BYTES, RESERVED).unwrap();
        let (mut images, mut contents) = (base.into_iter().cloned().collect::<Vec<_>>(), Vec::new());
        let mut expected = bytes(&mut slot).to_vec();
        for round in 0..200 {
            if round == 100 {
                slot.extend(16 * PAGE_BYTES).unwrap();
                expected.resize(16 * PAGE_BYTES, 0);
            }
            for at in [round * 4999, round * 7919 + 13, 70_000] {
                let at = at % expected.len();
                (expected[at], bytes(&mut slot)[at]) = (round as u8, round as u8);
            }
            images.push(saved(&mut slot, images.last()));
            contents.push(expected.clone());
            assert!(bytes(&mut slot) == expected, "round {round}");
        }
        // Nothing of it has changed since, in memory or in memories that begin with it.
        for (image, mut content) in images.iter().skip(usize::from(base.is_some())).zip(contents) {
            let mut again = pool.take(Some(image), 16 * PAGE_BYTES, RESERVED).unwrap();
            assert!(bytes(&mut again)[..content.len()] == content);
            let flat = image.flat().unwrap();
            assert!(flat.parts().len() == 1 && flat.bytes() == image.bytes());
            assert!(content.split_off(image.len()).iter().all(|byte| *byte == 0));
            assert!(content == image.bytes());
        }
    }
}

#[test]
fn an_image_of_a_memory_shares_what_was_not_written() {
    let mut slot = Pool::default().take(None, 64 * PAGE_BYTES, RESERVED).unwrap();
    bytes(&mut slot).fill(1);
    let first = saved(&mut slot, None);
    assert!(Arc::ptr_eq(&first, &saved(&mut slot, Some(&first))), "nothing was written");
    bytes(&mut slot)[10 * PAGE_BYTES] = 2;
    let second = saved(&mut slot, Some(&first));
    let new: usize = second.parts_beside(Some(&first)).iter().map(|part| part.range.len()).sum();
    assert_eq!(new, dirty::system_page_bytes());
    assert_eq!((first.bytes()[10 * PAGE_BYTES], second.bytes()[10 * PAGE_BYTES]), (1, 2));
}

#[test]
fn nothing_is_left_of_a_memory_that_was_saved() {
    let pool = Pool::default();
    let mut slot = pool.take(None, 4 * PAGE_BYTES, RESERVED).unwrap();
    bytes(&mut slot).fill(0xa5);
    saved(&mut slot, None);
    pool.give_back(slot, 4 * PAGE_BYTES);
    let mut again = pool.take(None, 4 * PAGE_BYTES, RESERVED).unwrap();
    assert!(bytes(&mut again).iter().all(|&byte| byte == 0));
}

#[test]
fn only_what_was_written_is_hashed_again() {
    /// How long a page of a checkpoint is.
    const STORED: usize = stillbox_checkpoint::pages::PAGE_BYTES as usize;
    let pool = Pool::default();
    let mut slot = pool.take(None, 64 * PAGE_BYTES, RESERVED).unwrap();
    bytes(&mut slot)[..60 * PAGE_BYTES]
        .iter_mut()
        .zip(0_usize..)
        .for_each(|(byte, at)| *byte = (at / STORED) as u8 | 1);
    let mut last = saved(&mut slot, None);
    assert_eq!(last.pages().hashed(), 240);
    let mut next = |written: &[usize], base: &Arc<Image>| {
        written.iter().for_each(|at| bytes(&mut slot)[*at] ^= 0x55);
        saved(&mut slot, Some(base))
    };
    // In one page, in two neighbours, in what was zero, and at the end.
    for (written, hashed) in
        [(&[7][..], 1), (&[40 * STORED - 1, 40 * STORED], 2), (&[62 * PAGE_BYTES, 64 * PAGE_BYTES - 1], 2)]
    {
        last = next(written, &last);
        assert_eq!(last.pages().hashed(), hashed, "{written:?}");
        assert!(*last.pages() == Pages::new(last.bytes()), "{written:?}");
    }
    // Of these two nobody asks, as of copies.
    for at in [3 * STORED, 100 * STORED] {
        last = next(&[at], &last);
    }
    last = next(&[200 * STORED], &last);
    assert_eq!(last.pages().hashed(), 3);
    assert_eq!(last.flat().unwrap().pages().hashed(), 3, "it is the same");
    // All is written, so nothing is shared.
    let all: Vec<_> = (0..64 * PAGE_BYTES).step_by(4096).collect();
    last = next(&all, &last);
    assert_eq!(last.pages().hashed(), 256);
    assert!(*last.pages() == Pages::new(last.bytes()));
}

#[test]
fn what_was_stored_is_not_hashed_again() {
    let pool = Pool::default();
    let held = vec![5; PAGE_BYTES + 16384];
    let stored = Image::of_stored(Pages::new(&held), |file| file.write_all_at(&held, 0)).unwrap();
    assert_eq!(stored.pages().hashed(), 0);
    assert!(*stored.pages() == Pages::new(stored.bytes()));
    let mut slot = pool.take(Some(&stored), 4 * PAGE_BYTES, RESERVED).unwrap();
    for at in [16384, 3 * PAGE_BYTES] {
        bytes(&mut slot)[at] = 1;
    }
    let next = saved(&mut slot, Some(&stored));
    assert_eq!(next.pages().hashed(), 2);
    assert!(*next.pages() == Pages::new(next.bytes()));
}
