import { temporalPlace } from '../../client/temporal/connection.ts';
import { faultIn } from '../../model/inputs/input-fault.ts';
import { type Message, messageTable } from '../../model/inputs/messages.ts';
import type { DurableState } from '../../model/phase.ts';
import type { RunningMigration } from '../../test/support/fixture.ts';
import type { Finding } from './fault.ts';
import {
  queryRaw,
  type RawPayload,
  type RawTarget,
  rawJson,
  signalRaw,
  unreadablePayloads,
  untakenPayloads,
  updateRaw,
} from './raw-payloads.ts';
import { secret } from './unsound.ts';
import { type Waiting, waitingWorkflows } from './waiting.ts';

/** What is no message, or none of this one. */
const badMessages: readonly unknown[] = [
  secret,
  [secret],
  -7,
  null,
  { by: 7, force: secret },
  { anew: secret },
];

/** Temporal takes no more in one message. */
const largestBytes = 1_900_000;

/** Names of messages that no workflow has; some mean something to JavaScript or to Temporal. */
const strangers = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '',
  ' ',
  'advance\n',
  '__temporal_x',
  secret,
];

const limitMs = 120_000;

export interface SentMessages {
  readonly sent: ReadonlyMap<string, number>;
  readonly findings: readonly Finding[];
}

/** Sends each kind of workflow while it runs whatever it does not take, and then lets it come to its end. */
export async function sendMessages(
  at: RunningMigration,
  state: DurableState,
  short: boolean,
): Promise<SentMessages> {
  const sent = new Map<string, number>();
  const findings: Finding[] = [];
  const values = [...badMessages, 'x'.repeat(short ? 100_000 : largestBytes)];
  for (const wait of waitingWorkflows(at, state)) {
    const waiting = await wait();
    const sending = new Sending({ at, waiting, values, short, sent, findings });
    for (const [name, message] of Object.entries(messageTable[waiting.type] ?? {}))
      await sending.sendAll(name, message);
    await sending.sendUntimely();
    await sending.sendStrangers();
    await sending.end();
  }
  return { sent, findings };
}

interface SendingOptions {
  readonly at: RunningMigration;
  readonly waiting: Waiting;
  readonly values: readonly unknown[];
  readonly short: boolean;
  /** Counts and findings of all workflows. */
  readonly sent: Map<string, number>;
  readonly findings: Finding[];
}

class Sending {
  readonly #given: SendingOptions;
  readonly #target: RawTarget;
  /** Updates that are answered when the workflow comes to its end. */
  readonly #late: Promise<void>[] = [];

  constructor(given: SendingOptions) {
    const { at } = given;
    this.#given = given;
    this.#target = { temporal: at.temporal, namespace: temporalPlace(at.environment).namespace };
  }

  /** Bytes are refused by each message; values by those that take something else, and the others never look at them. */
  async sendAll(name: string, message: Message): Promise<void> {
    const all = message.takes.length > 0 ? untakenPayloads : unreadablePayloads;
    const payloads = Object.values(all).slice(0, this.#given.short ? 4 : undefined);
    const isWrong = (value: unknown) => faultIn(message.takes, [value]) !== null;
    const values = this.#given.values.filter((value) => message.takes.length === 0 || isWrong(value));
    for (const kind of message.kinds) {
      for (const value of values) {
        if (kind === 'query') await this.#ask(name, rawJson(JSON.stringify(value)));
        else if (kind === 'signal') await this.#signal(name, rawJson(JSON.stringify(value)));
        else if (message.takes.length > 0) await this.#refused(name, rawJson(JSON.stringify(value)));
        else if (name === 'acknowledged') this.#answeredLate(name, value);
      }
      for (const payload of payloads) {
        if (kind === 'query') await this.#ask(name, payload);
        else if (kind === 'signal') await this.#signal(name, payload);
        else await this.#refused(name, payload);
      }
    }
  }

  async sendUntimely(): Promise<void> {
    for (const [name, value] of this.#given.waiting.untimely) {
      const payload = rawJson(JSON.stringify(value));
      await this.#signal(name, payload);
      await this.#refused(name, payload);
    }
  }

  async sendStrangers(): Promise<void> {
    const [payload = {}] = Object.values(unreadablePayloads);
    for (const name of strangers) {
      // Temporal itself refuses some of these names.
      await this.#signal(name, rawJson(JSON.stringify(secret))).catch(() => undefined);
      await this.#refused(name, payload);
      const what = this.#count('query that nobody has');
      const asked = queryRaw(this.#target, this.#given.waiting.workflowId, name, payload);
      if ((await refusalOf(asked)) === null) this.#given.findings.push({ fault: 'accepted', what });
    }
    await this.#signal('nobody', rawJson(JSON.stringify(this.#given.values.at(-1))));
  }

  async end(): Promise<void> {
    const { type, workflowId } = this.#given.waiting;
    const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), limitMs).unref());
    const ended = this.#given.waiting.end().catch(() => false);
    if (!(await Promise.race([ended, late])))
      this.#given.findings.push({ fault: 'stuck', what: `${this.#count('end')} after its messages` });
    if (!(await Promise.race([Promise.all(this.#late).then(() => true), late])))
      this.#given.findings.push({ fault: 'stuck', what: `${type}: an answer at its end` });
    if (type === 'migration') return;
    const payload = rawJson(JSON.stringify(secret));
    for (const send of [signalRaw, updateRaw]) {
      const what = this.#count('message behind its end');
      const sent = send(this.#target, workflowId, 'acknowledged', payload);
      if ((await refusalOf(sent)) === null) this.#given.findings.push({ fault: 'accepted', what });
    }
  }

  async #signal(name: string, payload: RawPayload): Promise<void> {
    this.#count(`signal ${shown(name)}`);
    const send = () => signalRaw(this.#target, this.#given.waiting.workflowId, name, payload);
    // A busy Temporal may not answer; what changes nothing may be sent twice.
    await send().catch(send);
  }

  async #refused(name: string, payload: RawPayload): Promise<void> {
    const what = this.#count(`update ${shown(name)}`);
    const sent = updateRaw(this.#target, this.#given.waiting.workflowId, name, payload);
    const refused = (await sent.catch((error: unknown) => ({ refused: String(error) }))).refused;
    if (refused === null) this.#given.findings.push({ fault: 'accepted', what });
    else if (name !== secret && refused.includes(secret)) this.#given.findings.push({ fault: 'leak', what });
  }

  async #ask(name: string, payload: RawPayload): Promise<void> {
    const what = this.#count(`query ${shown(name)}`);
    const answer = await queryRaw(this.#target, this.#given.waiting.workflowId, name, payload).catch(
      () => null,
    );
    if (answer === null) this.#given.findings.push({ fault: 'untyped', what });
    else if (answer.includes(secret)) this.#given.findings.push({ fault: 'leak', what });
  }

  /** Whoever waits for an answer gets it, whatever else was in the question. */
  #answeredLate(name: string, value: unknown): void {
    const what = this.#count(`update ${shown(name)}`);
    const handle = this.#given.at.temporal.workflow.getHandle(this.#given.waiting.workflowId);
    const answered = handle.executeUpdate(name, { args: [value] }).then(
      (answer) => JSON.stringify(answer) ?? '',
      (error: unknown) => String(error),
    );
    this.#late.push(
      answered.then((answer) => {
        if (answer.includes(secret)) this.#given.findings.push({ fault: 'leak', what });
      }),
    );
  }

  #count(message: string): string {
    const what = `${this.#given.waiting.type} that waits for ${this.#given.waiting.waitsFor}: ${message}`;
    this.#given.sent.set(what, (this.#given.sent.get(what) ?? 0) + 1);
    return what;
  }
}

const shown = (name: string) => (strangers.includes(name) || name === 'nobody' ? 'that nobody has' : name);

/** Null where nothing was refused. */
async function refusalOf(sending: Promise<unknown>): Promise<string | null> {
  return await sending.then(
    () => null,
    (error: unknown) => String(error),
  );
}
