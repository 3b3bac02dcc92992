import type { Open } from '../way.ts';
import { openLockstep } from './lockstep.ts';

export const open: Open = (place) => openLockstep(place, {}, 'primary', 'embedded');
