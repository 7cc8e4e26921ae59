// The states that the rows have been in, for undo and redo. A state is what the form would send of them.

// What a row was about when it was drawn is no part of its state.
const told = (state) => JSON.stringify(state.filter(([name]) => !name.endsWith("-was")));

export function makeHistory(first) {
  const states = [first];
  let at = 0;

  return {
    // Remember the rows as they are now; whatever was undone before is gone then.
    note(state) {
      if (told(state) === told(states[at])) return;
      states.splice(at + 1, Infinity, state);
      at += 1;
    },
    canStep: (by) => states[at + by] !== undefined,
    peek: (by) => states[at + by],
    step(by) {
      at += by;
    },
  };
}
