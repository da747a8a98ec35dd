// SPDX-License-Identifier: GPL-2.0-only
//! Rust panics: caught, passed through clean-ups, from threads, over C frames, and not
//! caught. The protocol is that of hazard.h.
use std::io::{BufRead, Write};
use std::os::raw::c_int;
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const NAMES: [&str; 9] = [
    "hz_deep", "hz_middle", "hz_catch", "hz_callback", "hz_recurse", "hz_thread", "hz_sum", "hz_dropping",
    "hz_again",
];
#[allow(clippy::declare_interior_mutable_const)]
const ZERO: AtomicU64 = AtomicU64::new(0);
static CALLS: [AtomicU64; 9] = [ZERO; 9];
static RETURNS: [AtomicU64; 9] = [ZERO; 9];
static CLEANED: AtomicU64 = AtomicU64::new(0);

#[inline(always)]
fn called(i: usize) {
    CALLS[i].fetch_add(1, Relaxed);
}

#[inline(always)]
fn returned<T>(i: usize, x: T) -> T {
    RETURNS[i].fetch_add(1, Relaxed);
    x
}

struct Cleanup;

impl Drop for Cleanup {
    fn drop(&mut self) {
        CLEANED.fetch_add(1, Relaxed);
    }
}

extern "C-unwind" {
    fn carry(back: extern "C-unwind" fn(c_int) -> c_int, x: c_int) -> c_int;
}

#[no_mangle]
#[inline(never)]
pub fn hz_deep(x: u64) -> u64 {
    called(0);
    if x % 2 == 1 {
        panic!("odd {}", x);
    }
    returned(0, x + 1)
}

#[no_mangle]
#[inline(never)]
pub fn hz_middle(x: u64) -> u64 {
    called(1);
    let _c = Cleanup;
    let text = format!("{}", x);
    let r = hz_deep(x) + text.len() as u64;
    returned(1, r)
}

#[no_mangle]
#[inline(never)]
pub fn hz_catch(x: u64) -> u64 {
    called(2);
    let r = match panic::catch_unwind(AssertUnwindSafe(|| hz_middle(x))) {
        Ok(v) => v,
        Err(e) => e.downcast_ref::<String>().map_or(1, |s| s.len() as u64 * 100),
    };
    returned(2, r)
}

#[no_mangle]
pub extern "C-unwind" fn hz_callback(x: c_int) -> c_int {
    called(3);
    let r = hz_middle(x as u64) as c_int;
    returned(3, r)
}

fn over_c(x: u64) -> u64 {
    panic::catch_unwind(|| unsafe { carry(hz_callback, x as c_int) as u64 }).unwrap_or(70)
}

#[no_mangle]
#[inline(never)]
pub fn hz_recurse(depth: u64, x: u64) -> u64 {
    called(4);
    let _c = Cleanup;
    let r = if depth > 0 { hz_recurse(depth - 1, x) } else { hz_deep(x) };
    returned(4, r + 1)
}

#[no_mangle]
#[inline(never)]
pub fn hz_thread(x: u64) -> u64 {
    called(5);
    let r = hz_middle(x);
    returned(5, r)
}

#[no_mangle]
#[inline(never)]
pub fn hz_sum(v: &[u64], at: usize) -> u64 {
    called(6);
    let r: u64 = v.iter().sum::<u64>() + v[at];
    returned(6, r)
}

struct Dropping(u64);

impl Drop for Dropping {
    fn drop(&mut self) {
        hz_dropping(self.0);
    }
}

#[no_mangle]
#[inline(never)]
pub fn hz_dropping(x: u64) {
    called(7);
    CLEANED.fetch_add(hz_catch(x), Relaxed);
    returned(7, ());
}

#[no_mangle]
#[inline(never)]
pub fn hz_again(x: u64) -> u64 {
    called(8);
    let _d = Dropping(x * 2 + 1);
    match panic::catch_unwind(|| hz_middle(x)) {
        Ok(v) => returned(8, v),
        Err(e) => panic::resume_unwind(e),
    }
}

fn case(name: &str, n: u64) -> u64 {
    let mut sum = CLEANED.swap(0, Relaxed);
    sum -= sum;
    for i in 0..n {
        sum = sum.wrapping_mul(3).wrapping_add(match name {
            "catch" => hz_catch(i),
            "over-c" => over_c(i),
            "deep" => panic::catch_unwind(|| hz_recurse(60, i)).unwrap_or(5),
            "thread" => std::thread::spawn(move || hz_thread(i)).join().unwrap_or(6),
            "bounds" => panic::catch_unwind(|| hz_sum(&[1, 2, 3], (i % 5) as usize)).unwrap_or(8),
            "again" => panic::catch_unwind(|| hz_again(i)).unwrap_or(9),
            "uncaught" => hz_middle(i | 1),
            "exit" => process::exit(hz_catch(i) as i32 & 63),
            "abort" => {
                hz_catch(i);
                process::abort()
            }
            _ => process::exit(99),
        });
    }
    sum.wrapping_add(CLEANED.load(Relaxed))
}

fn answer(line: &str) {
    let mut words = line.split(' ');
    let name = words.next().unwrap_or("");
    let n = words.next().and_then(|w| w.parse().ok()).unwrap_or(0);
    let result = case(name, n);
    let counts: Vec<String> = (0..NAMES.len())
        .filter(|&i| CALLS[i].load(Relaxed) > 0)
        .map(|i| format!("\"{}\":[{},{}]", NAMES[i], CALLS[i].load(Relaxed), RETURNS[i].load(Relaxed)))
        .collect();
    println!("{{\"case\":\"{}\",\"result\":{},\"calls\":{{{}}}}}", line, result, counts.join(","));
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if !args.is_empty() {
        args.iter().for_each(|a| answer(a));
        process::exit(3);
    }
    println!("ready {}", process::id());
    std::io::stdout().flush().unwrap();
    for line in std::io::stdin().lock().lines() {
        answer(&line.unwrap());
    }
    process::exit(3);
}
