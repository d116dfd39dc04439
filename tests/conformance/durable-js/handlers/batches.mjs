// What the handlers of `parallel` and `map` share: failing branches, what is told of a batch.

export const fail = async () => {
  throw new Error("made to fail");
};

export const told = (batch, ...fields) => {
  const { completionReason, status, successCount, failureCount, totalCount } = batch;
  const known = { completionReason, status, successCount, failureCount, totalCount };
  return fields.length === 0 ? known : Object.fromEntries(fields.map((field) => [field, known[field]]));
};

export const COUNTS = ["completionReason", "successCount", "failureCount", "totalCount"];

/** One branch or item at a time, so that the history is determined. */
export const sequential = (more = {}) => ({ maxConcurrency: 1, ...more });
