import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A process that can be recognised again. A pid alone is reused by the system; a pid and the time of its start are not.
 * @typedef {{ pid: number, startedAt: string }} Identity
 */

/**
 * When the process started, as an opaque text; undefined when there is none (or only its unreaped remains).
 * @param {number} pid
 * @returns {string | undefined}
 */
export function startTimeOf(pid) {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

/** @returns {Identity} */
export function ownIdentity() {
  return { pid: process.pid, startedAt: startTimeOf(process.pid) ?? '' };
}

/** @param {Identity} identity */
export function isAlive(identity) {
  return startTimeOf(identity.pid) === identity.startedAt;
}

/** @param {number} pid */
function fromProc(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name stands in parentheses and may hold spaces: count the fields behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}:${fields[19]}`;
  } catch {
    return undefined;
  }
}

/** @param {number} pid */
function fromPs(pid) {
  try {
    const [state, ...start] = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
    })
      .trim()
      .split(/\s+/);
    return state === undefined || state.startsWith('Z') ? undefined : start.join(' ');
  } catch {
    return undefined;
  }
}
