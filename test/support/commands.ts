import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Asked } from './command-runner.ts';
import type { Ended } from './process.ts';

const runner = fileURLToPath(new URL('./command-runner.ts', import.meta.url));

/** Processes that run commands of `lockstep`, as many at a time as there are of them. */
export class Commands implements AsyncDisposable {
  readonly #free: ChildProcess[];
  readonly #all: readonly ChildProcess[];
  readonly #waiting: ((child: ChildProcess) => void)[] = [];

  private constructor(children: readonly ChildProcess[]) {
    this.#all = children;
    this.#free = [...children];
  }

  static async start(count: number): Promise<Commands> {
    const children = Array.from({ length: count }, () =>
      fork(runner, { env: { ...process.env, NO_COLOR: '1' } }),
    );
    await Promise.all(children.map((child) => once(child, 'message')));
    return new Commands(children);
  }

  async run(
    args: readonly string[],
    environment: NodeJS.ProcessEnv,
    { noticeEveryMs = 3_000 }: Partial<Pick<Asked, 'noticeEveryMs'>> = {},
  ): Promise<Ended> {
    const child =
      this.#free.pop() ?? (await new Promise<ChildProcess>((resolve) => this.#waiting.push(resolve)));
    try {
      child.send({ args, environment, noticeEveryMs } satisfies Asked);
      const [ended] = (await once(child, 'message')) as [Ended];
      return ended;
    } finally {
      const next = this.#waiting.shift();
      if (next) next(child);
      else this.#free.push(child);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#all) child.disconnect();
    await Promise.all(this.#all.map((child) => child.exitCode ?? once(child, 'exit')));
  }
}
