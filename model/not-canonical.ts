/** A value that its scalar cannot hold. The message names the type of the value, never the value. */
export class NotCanonical extends Error {}
