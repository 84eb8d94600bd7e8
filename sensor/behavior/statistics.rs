//! Medians and their like.
//!
//! Owns: the arithmetic. Never does: state.

/// The middle of some values; 0 of none.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (None, _) => 0.0,
        (Some(upper), 1) => *upper,
        (Some(upper), _) => f64::midpoint(values[middle - 1], *upper),
    }
}

/// Median, and the median absolute deviation made comparable with a standard deviation (times 1.4826).
pub(crate) fn median_and_deviation(values: &[f64]) -> (f64, f64) {
    let middle = median(&mut values.to_vec());
    let mut away: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    (middle, 1.4826 * median(&mut away))
}

/// Shannon entropy of the characters of a text, bits a character.
pub(crate) fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    let mut length = 0_u32;
    for character in text.chars() {
        counts[character as usize & 0xff] += 1;
        length += 1;
    }
    let length = f64::from(length);
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / length)
        .map(|p| -p * p.log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middles_and_entropy() {
        assert_eq!(median(&mut []), 0.0);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0]), 2.5);
        assert_eq!(median_and_deviation(&[1.0, 1.0, 2.0, 100.0]).0, 1.5);
        assert_eq!(entropy("aaaa"), 0.0);
        assert_eq!(entropy("abcd"), 2.0);
    }
}
