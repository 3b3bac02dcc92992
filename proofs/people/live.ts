import type { Lockstep } from '../../client/service/connect.ts';
import { Random } from '../../examples/orders/random.ts';
import { LockstepError } from '../../model/failure.ts';
import { type personIn, personOf } from './people.ts';

const again = ['OutcomeUnknown', 'StoreUnavailable', 'Fenced'];
const expected = ['NotFound', 'AlreadyExists'];

/** A service that creates, changes and deletes people at a steady rate, each write until it has its answer. */
export class LivePeople {
  readonly #people: ReturnType<typeof repositoryOf>;
  readonly #random: Random;
  readonly #underWay = new Set<Promise<void>>();
  readonly #ids: number;
  readonly #run: number;
  #timer: NodeJS.Timeout | undefined;
  #asked = 0;
  #kept: number[] = [];
  readonly failures: string[] = [];

  /** @param ids writes are about ids from 1 to this; creates, about those above it */
  constructor(lockstep: Lockstep, entity: ReturnType<typeof personIn>, ids: number, seed: number) {
    this.#people = repositoryOf(lockstep, entity);
    this.#random = new Random(seed);
    this.#ids = ids;
    this.#run = seed;
  }

  get asked(): number {
    return this.#asked;
  }

  start(perSecond: number): void {
    const began = performance.now();
    const before = this.#asked;
    this.#timer = setInterval(() => {
      const due = before + ((performance.now() - began) / 1000) * perSecond;
      while (this.#asked < due && this.#underWay.size < 200) this.#ask();
    }, 5);
  }

  /** Asks for nothing more, and resolves when everything has its answer. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** The latencies since the last call, in milliseconds. */
  latencies(): number[] {
    return this.#kept.splice(0);
  }

  #ask(): void {
    this.#asked += 1;
    const done = this.#write(this.#asked).finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  async #write(turn: number): Promise<void> {
    const id = this.#random.between(1, this.#ids);
    const kind = this.#random.next();
    const operationId = `live-${this.#run}-${turn}`;
    const began = performance.now();
    for (;;) {
      try {
        if (kind < 0.2) await this.#people.create(personOf(this.#ids + turn, turn), { operationId });
        else if (kind < 0.8)
          await this.#people.update(id, { name: `live ${turn}`, visits: turn }, { operationId });
        else await this.#people.delete(id, { operationId });
        break;
      } catch (error) {
        if (error instanceof LockstepError && again.includes(error.code)) continue;
        if (!(error instanceof LockstepError) || !expected.includes(error.code)) {
          this.failures.push(error instanceof LockstepError ? error.code : String(error));
        }
        break;
      }
    }
    this.#kept.push(performance.now() - began);
  }
}

function repositoryOf(lockstep: Lockstep, entity: ReturnType<typeof personIn>) {
  return lockstep.repository(entity);
}
