import type { Phase } from '../../model/phase.ts';
import { type Moving, movingOn, type Scene, type SceneOptions, sceneOn } from './scene.ts';
import { servers } from './servers.ts';

export { advanceTo } from './advance.ts';
export { type Moving, type Scene, type SceneOptions, started } from './scene.ts';

export function scene(options: SceneOptions = {}): Promise<Scene> {
  return sceneOn(servers(), options);
}

export function moving(phase: Phase, options: SceneOptions = {}): Promise<Moving> {
  return movingOn(servers(), phase, options);
}
