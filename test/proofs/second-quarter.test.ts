import { proofsHold } from './short-forms.ts';

proofsHold(1);
