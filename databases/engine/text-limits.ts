/** The texts of a range's rows are put together before they are hashed; engines bound such a text. */
export const maxAggregateBytes = 4 * 1024 * 1024;
