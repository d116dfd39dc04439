use super::*;
use crate::Shard;
use proptest::prelude::*;

fn token(purpose: Purpose, chance: u64, operation: u32, generation: u32, position: u64) -> Token {
    let execution = ExecutionId::new(1_700_000_000_000, chance, Shard(7));
    Token {
        purpose,
        execution,
        operation: Operation(operation),
        generation: Generation(generation),
        position,
    }
}

proptest! {
    // P4: a token names exactly what it was made for, and nothing else opens.
    #[test]
    fn a_token_round_trips(chance: u64, operation: u32, generation: u32, position: u64) {
        let ring = Keyring::new([3; 32]);
        let token = token(Purpose::Callback, chance, operation, generation, position);
        let text = ring.sign(&token);
        prop_assert!(text.len() <= 1024);
        prop_assert_eq!(ring.verify(Purpose::Callback, &text), Ok(token));
        prop_assert_eq!(ring.verify(Purpose::Position, &text), Err(InvalidToken));
        prop_assert_eq!(Keyring::new([4; 32]).verify(Purpose::Callback, &text), Err(InvalidToken));
    }

    #[test]
    fn one_changed_byte_forges_nothing(at in 0usize..LENGTH, flip in 1u8..=255) {
        let ring = Keyring::new([3; 32]);
        let text = ring.sign(&token(Purpose::Task, 1, 2, 3, 4));
        let mut bytes = STANDARD.decode(text).unwrap();
        bytes[at] ^= flip;
        prop_assert_eq!(ring.verify(Purpose::Task, &STANDARD.encode(bytes)), Err(InvalidToken));
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC{0,200}") {
        prop_assert_eq!(Keyring::new([3; 32]).verify(Purpose::Task, &text), Err(InvalidToken));
    }
}

#[test]
fn the_same_fields_give_the_same_token() {
    let ring = Keyring::new([3; 32]);
    let token = token(Purpose::Callback, 9, 1, 0, 0);
    assert_eq!(ring.sign(&token), ring.clone().sign(&token));
}

#[test]
fn an_address_names_the_operation_and_is_no_token() {
    let ring = Keyring::new([3; 32]);
    for purpose in [Purpose::Callback, Purpose::Task] {
        let token = token(purpose, 1, 2, 3, 0);
        let address = token.address().expect("it settles something");
        assert_eq!(Token::from_address(&address), Some(token));
        assert_eq!(ring.verify(purpose, &address), Err(InvalidToken));
        assert_eq!(Token::from_address(&ring.sign(&token)), None);
    }
    for purpose in [Purpose::Position, Purpose::Push] {
        assert_eq!(token(purpose, 1, 2, 3, 4).address(), None);
    }
    for wrong in ["callback:", "task:a.b.c", "push:x.1.0", "callback"] {
        assert_eq!(Token::from_address(wrong), None, "{wrong}");
    }
}
