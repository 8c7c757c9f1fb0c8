/** What a client of the public API proves itself with; files keep secrets out of `ps`. */
import { text } from '../settings.js';

const secret = { isSecret: true } as const;

export const clientTable = {
  key: { ...text('TOLLGATE_KEY', '', 'API key of `tollgate pay` and `get`'), ...secret },
  checksumSecret: {
    ...text('TOLLGATE_CHECKSUM_SECRET', '', 'signs requests, for a merchant with a secret'),
    ...secret,
  },
  ca: text('TOLLGATE_CA', '', 'file: who signed the API, where that is no public authority'),
} as const;
