/**
 * Who connects to a store. `prepare` runs `lockstep prepare`; a worker does all the work; a service reads, and writes by the journal where an
 * entity enters by it; `touch` is what a service needs beside that whose own transactions touch; a reader runs the commands that only look;
 * `decommission` is what a worker needs beside its own when legacy is renamed and dropped.
 */
export const roles = ['prepare', 'worker', 'service', 'touch', 'reader', 'decommission'] as const;
export type Role = (typeof roles)[number];

/** Those whose rights can be tried without a trace. */
export const triedRoles = ['worker', 'service', 'touch', 'reader'] as const satisfies readonly Role[];
export type TriedRole = (typeof triedRoles)[number];
