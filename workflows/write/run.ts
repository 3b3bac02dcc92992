import { condition, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import { descriptionOf } from '../../model/inputs/messages.ts';
import {
  type AskedWrite,
  isSameWrite,
  type WriteInput,
  type WriteReceipt,
  type WriteRoute,
} from '../../model/operation.ts';
import type { SaveRequest } from '../../model/save.ts';
import type { Version } from '../../model/version.ts';
import { failure } from '../failures.ts';
import {
  acknowledged,
  type Resolution,
  resolve,
  resolveSignal,
  searchAttributes,
  type WriteStatus,
  writeStatus,
} from '../messages.ts';
import { Acknowledgement } from './acknowledgement.ts';
import { answerUpdate } from './answer-update.ts';
import { assertAsked, isSave } from './asked.ts';
import { idTaken } from './id-taken.ts';

/** A running write: where it stands, the answer to its caller, and an operator's decision. All of them change here only. */
export class WriteRun {
  readonly input: WriteInput;
  readonly acknowledgement = new Acknowledgement<WriteReceipt>();
  #status: WriteStatus = { stage: 'primary', version: null, reason: null };
  #acceptsResolution = false;
  #decision: Resolution | null = null;

  constructor(input: WriteInput) {
    this.input = input;
  }

  get status(): WriteStatus {
    return this.#status;
  }

  /** Enters a stage; what is not given stays as it was. */
  enter(stage: WriteStatus['stage'], change: Partial<WriteStatus> = {}): void {
    this.#status = { ...this.#status, ...change, stage };
  }

  receipt(version: Version | null, route: WriteRoute): WriteReceipt {
    return { operationId: this.input.operation.id, version, epoch: route.epoch };
  }

  /** From before the journal says that the write is parked: whoever reads that there may decide at once. */
  takeDecisions(): void {
    this.#decision = null;
    this.#acceptsResolution = true;
  }

  ignoreDecisions(): void {
    this.#acceptsResolution = false;
  }

  /** Waits for an operator. */
  async decision(): Promise<Resolution> {
    await condition(() => this.#decision !== null);
    this.#acceptsResolution = false;
    const decision = this.#decision ?? 'retry';
    upsertSearchAttributes({ [searchAttributes.state]: [decision] });
    return decision;
  }

  setHandlers(): void {
    setHandler(writeStatus, () => this.#status, {
      description: descriptionOf('write', 'status'),
    });
    answerUpdate(
      'write',
      acknowledged,
      (asked?: AskedWrite | SaveRequest) =>
        asked && isSave(asked) ? this.#answerSave(asked) : this.acknowledgement.answered(),
      (asked?: AskedWrite | SaveRequest) => this.#assertAsked(asked),
    );
    setHandler(resolve, (decision) => this.#decide(decision), {
      validator: (_decision) => this.#assertParked(),
      description: descriptionOf('write', 'resolve'),
    });
    setHandler(
      resolveSignal,
      (decision) => {
        if (this.#acceptsResolution) this.#decide(decision);
      },
      { description: descriptionOf('write', 'resolve') },
    );
  }

  #decide(decision: Resolution): void {
    this.#decision = decision;
  }

  /** To say which write it means takes a worker. */
  async #answerSave(asked: SaveRequest): Promise<WriteReceipt> {
    const { operation } = this.input;
    await assertAsked(asked, operation.id, operation);
    return await this.acknowledgement.answered();
  }

  /** An older service does not say what it asks for. */
  #assertAsked(asked: AskedWrite | SaveRequest | undefined): void {
    if (!asked || isSave(asked) || isSameWrite(asked, this.input.operation)) return;
    throw idTaken(asked, this.input.operation.id);
  }

  #assertParked(): void {
    const { stage } = this.#status;
    if (stage === 'parked') return;
    throw failure(
      'NotParked',
      `the write is not parked, it is at "${stage}"; only a parked write waits for a decision`,
    );
  }
}
