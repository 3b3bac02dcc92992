import { afterEach } from 'vitest';
import type { Phase } from '../../model/phase.ts';
import { type Moving, movingOn, type Scene, type SceneOptions, sceneOn } from './scene.ts';
import { servers } from './servers.ts';

export { advanceTo, bringTo } from './advance.ts';
export { type Moving, type Scene, type SceneOptions, started } from './scene.ts';

const open = new Set<Scene | Moving>();

/** What a test has done to stores and connections ends with it, also where it fails: the next one finds them whole. */
afterEach(async () => {
  for (const at of open) await at.restore();
});

export async function scene(options: SceneOptions = {}): Promise<Scene> {
  return kept(await sceneOn(servers(), options));
}

export async function moving(phase: Phase, options: SceneOptions = {}): Promise<Moving> {
  return kept(await movingOn(servers(), phase, options));
}

function kept<S extends Scene>(at: S): S {
  open.add(at);
  const release = at[Symbol.asyncDispose];
  return {
    ...at,
    async [Symbol.asyncDispose]() {
      open.delete(at);
      await release();
    },
  };
}
