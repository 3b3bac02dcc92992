import { proofHoldsBy } from './short-forms.ts';

proofHoldsBy('journal', 'outage');
