//! The generator behind Python's `random` (MT19937) and the few draws the workload makes of it. The known answers belong to its numbers, so the same
//! seed has to give the same sequence; nothing here is fit for secrets.

const WORDS: usize = 624;
const SHIFT: usize = 397;

/// A stream of numbers that a seed decides.
pub struct Random {
    state: Vec<u32>,
    next: usize,
}

impl Random {
    pub fn new(seed: u32) -> Self {
        let mut state = vec![19_650_218_u32];
        for i in 1..WORDS as u32 {
            let last = state[i as usize - 1];
            state.push((last ^ (last >> 30)).wrapping_mul(1_812_433_253).wrapping_add(i));
        }
        let mut random = Self { state, next: WORDS };
        random.stir(seed);
        random
    }

    /// Seeding by an array of numbers, here of one.
    fn stir(&mut self, seed: u32) {
        let state = &mut self.state;
        let mut at = 1;
        let mut step = |factor: u32, add: &dyn Fn(usize) -> u32| {
            let last = state[at - 1];
            state[at] = (state[at] ^ (last ^ (last >> 30)).wrapping_mul(factor)).wrapping_add(add(at));
            at += 1;
            if at == WORDS {
                state[0] = state[WORDS - 1];
                at = 1;
            }
        };
        (0..WORDS).for_each(|_| step(1_664_525, &|_| seed));
        (1..WORDS).for_each(|_| step(1_566_083_941, &|at| (at as u32).wrapping_neg()));
        state[0] = 1 << 31;
    }

    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            for at in 0..WORDS {
                let joined = (self.state[at] & (1 << 31)) | (self.state[(at + 1) % WORDS] & !(1 << 31));
                let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[at] = self.state[(at + SHIFT) % WORDS] ^ (joined >> 1) ^ odd;
            }
            self.next = 0;
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// From 0 to below 1, in steps of 2⁻⁵³.
    pub fn fraction(&mut self) -> f64 {
        let (high, low) = (self.word() >> 5, self.word() >> 6);
        (f64::from(high) * f64::from(1 << 26) + f64::from(low)) / (1_u64 << 53) as f64
    }

    pub fn chance(&mut self, of: f64) -> bool {
        self.fraction() < of
    }

    /// From 0 to below `end`: as many bits as `end` has, again and again until they fit.
    pub fn below(&mut self, end: usize) -> usize {
        let bits = usize::BITS - end.leading_zeros();
        loop {
            let drawn = (self.word() >> (32 - bits)) as usize;
            if drawn < end {
                return drawn;
            }
        }
    }

    /// An index, each as often as its weight says.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let at = self.fraction() * f64::from(weights.iter().sum::<u32>());
        let mut sum = 0;
        let below = weights.iter().take_while(|w| {
            sum += **w;
            f64::from(sum) <= at
        });
        below.count().min(weights.len() - 1)
    }
}
