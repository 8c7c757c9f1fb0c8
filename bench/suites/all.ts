/** Every suite, in the order in which they run. */
import type { Suite } from '../harness/suite.js';
import { accept } from './accept.js';
import { acceptSql } from './accept-sql.js';
import { cdc } from './cdc.js';
import { codec } from './codec.js';
import { cold } from './cold.js';
import { contest } from './contest.js';
import { edge } from './edge.js';
import { growth } from './growth.js';
import { hop } from './hop.js';
import { idle } from './idle.js';
import { journal } from './journal.js';
import { latency } from './latency.js';
import { path } from './path.js';
import { processor } from './processor.js';
import { ring } from './ring.js';
import { scaling } from './scaling.js';
import { status } from './status.js';

export const SUITES: readonly Suite[] = [
  ring,
  hop,
  accept,
  acceptSql,
  latency,
  edge,
  cold,
  status,
  journal,
  codec,
  cdc,
  processor,
  path,
  scaling,
  growth,
  idle,
  contest,
];
