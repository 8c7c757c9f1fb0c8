/** The messages that travel through lanes, and the writer's results. */
export const MessageKind = {
  checkout: 1,
  command: 2,
  webhook: 3,
  /** Value: PaymentStatus; detail: the offset after it in payments.status, 0 when it comes from another shard. */
  status: 4,
  /** Key: the id of the topic payments.status; detail: the offset from which it is read. */
  statusTopic: 6,
  /** Value: a CheckoutAccepted that another shard accepted; stored unless it is here already. */
  moved: 5,
} as const;

export const WriteResult = {
  /** New and durable. */
  accepted: 1,
  /** Seen before with the same meaning; detail: `accepted_at` of the first. */
  replayed: 2,
  /** Seen before with another meaning. */
  conflict: 3,
  /** A status newer than what was there, durable. */
  applied: 4,
  /** A status that was not newer. */
  stale: 5,
  /** Seen before, but the stored record cannot be decoded. */
  damaged: 6,
} as const;
