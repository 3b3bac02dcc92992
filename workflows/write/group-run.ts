import { condition, setCurrentDetails, setHandler } from '@temporalio/workflow';
import { descriptionOf } from '../../model/inputs/messages.ts';
import type { Version } from '../../model/version.ts';
import {
  aloneInput,
  type GroupedAnswer,
  type GroupedWrite,
  type GroupTally,
  type WriteGroupInput,
  writesOf,
} from '../../model/write-group.ts';
import { groupAcknowledged, groupStatus } from '../messages.ts';
import { answerUpdate } from './answer-update.ts';
import { groupDetails } from './details.ts';
import { startAlone } from './start-alone.ts';

type State =
  | { readonly at: 'open' | 'apart' }
  | { readonly at: 'owed' | 'done'; readonly version: Version }
  | { readonly at: 'refused'; readonly answer: Extract<GroupedAnswer, { status: 'failed' }> };

/** A running group: where each of its writes stands, and the answer to their callers. All of them change here only. */
export class GroupRun {
  readonly input: WriteGroupInput;
  readonly writes: readonly GroupedWrite[];
  readonly #states: State[];
  readonly #children: Promise<void>[] = [];
  #answers: readonly GroupedAnswer[] | null = null;

  constructor(input: WriteGroupInput) {
    this.input = input;
    this.writes = writesOf(input);
    this.#states = this.writes.map(() => ({ at: 'open' }));
    if (input.ack === 'recorded') this.answer();
  }

  set(index: number, state: State): void {
    this.#states[index] = state;
  }

  /** Gives a write a workflow of its own, under the id that it would have had alone. */
  giveApart(index: number): void {
    const write = this.writes[index];
    if (!write) throw new TypeError('a group has no such write');
    this.set(index, { at: 'apart' });
    this.#children.push(startAlone(aloneInput(this.input, write)));
  }

  /** Until all that go apart have workflows of their own. */
  async handedOver(): Promise<void> {
    await Promise.all(this.#children);
    setCurrentDetails(groupDetails(this.tally()));
  }

  /** Tells the callers; the first answer is the one. */
  answer(): void {
    setCurrentDetails(groupDetails(this.tally()));
    this.#answers ??= this.answers();
  }

  /** As the writes stand now. */
  answers(): readonly GroupedAnswer[] {
    return this.#states.map((state): GroupedAnswer => {
      switch (state.at) {
        case 'open':
          return { status: 'done', version: null };
        case 'refused':
          return state.answer;
        case 'apart':
          return { status: 'apart' };
        default:
          return { status: 'done', version: state.version };
      }
    });
  }

  tally(): GroupTally {
    const tally = { done: 0, owed: 0, refused: 0, apart: 0, open: 0 };
    for (const { at } of this.#states) tally[at] += 1;
    return tally;
  }

  setHandlers(): void {
    setHandler(groupStatus, () => this.tally(), {
      description: descriptionOf('writeGroup', 'status'),
    });
    answerUpdate('writeGroup', groupAcknowledged, () => this.answered());
  }

  /** At once where there is an answer: see `Acknowledgement`. */
  async answered(): Promise<readonly GroupedAnswer[]> {
    if (this.#answers === null) await condition(() => this.#answers !== null);
    return this.#answers ?? [];
  }
}
