import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, ownIdentity } from './identity.mjs';

const POLL_MS = 100;
const TAKEOVER_MS = 10_000;

/**
 * Runs `work` while no other process (and no other call in this one) holds the lock `file`. The lock of a process that died
 * is taken over.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @param {{ timeoutMs?: number, onWait?: (pid: number) => void }} [options] `timeoutMs`: how long to wait, 15 minutes unless told
 * @returns {Promise<T>}
 */
export async function withLock(file, work, { timeoutMs = 900_000, onWait } = {}) {
  mkdirSync(dirname(file), { recursive: true });
  const deadline = Date.now() + timeoutMs;
  let told = false;
  while (!tryAcquire(file)) {
    const holder = holderOf(file);
    if (!told && holder !== undefined) onWait?.(holder.pid);
    told ||= holder !== undefined;
    if (Date.now() > deadline) {
      throw new Error(
        `${file} is held by process ${holder?.pid ?? 'unknown'} since ${timeoutMs / 1000} s: wait for it, or end it`,
      );
    }
    await sleep(POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** @param {string} file */
function tryAcquire(file) {
  if (create(file)) return true;
  if (!isAbandoned(file)) return false;
  // Two processes may both see the abandoned lock; a second file lets one of them remove it, so that the other
  // cannot remove the lock its rival has just made.
  const takeover = `${file}.takeover`;
  if (!create(takeover)) {
    if (ageOf(takeover) > TAKEOVER_MS) rmSync(takeover, { force: true });
    return false;
  }
  try {
    if (isAbandoned(file)) rmSync(file, { force: true });
    return create(file);
  } finally {
    rmSync(takeover, { force: true });
  }
}

/** @param {string} file */
function isAbandoned(file) {
  const holder = holderOf(file);
  // Without a name in it the lock is either being written this moment, or its writer died between two system calls.
  return holder === undefined ? ageOf(file) > TAKEOVER_MS : !isAlive(holder);
}

/** @param {string} file */
function create(file) {
  try {
    const descriptor = openSync(file, 'wx', 0o600);
    try {
      writeFileSync(descriptor, JSON.stringify(ownIdentity()));
    } finally {
      closeSync(descriptor);
    }
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * @param {string} file
 * @returns {import('./identity.mjs').Identity | undefined} undefined when nobody holds it, or the holder is just writing its name
 */
function holderOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** @param {string} file */
function ageOf(file) {
  try {
    return Date.now() - statSync(file).mtimeMs;
  } catch {
    return 0;
  }
}
