/** The admin routes for other engines and for `tollgate shard`: topology, rows, copies. */
import { type Static, Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Store } from '../store/store.js';
import { EngineError } from '../util/errors.js';
import type { Moves } from './moves.js';
import { pageOf, pageStart, rowOf } from './rows.js';
import { parseTopology } from './topology.js';

const closed = { additionalProperties: false } as const;
const RowPath = Type.Object({ merchant: Type.String(), id: Type.String() });
const RowQuery = Type.Object({ epoch: Type.Integer({ minimum: 1 }) }, closed);
const PageQuery = Type.Object(
  {
    owner: Type.Integer({ minimum: 0 }),
    from: Type.String({ pattern: '^(?:[0-9a-f]{2}){1,512}$', default: pageStart(0) }),
    /** For a copy that must miss nothing: new ids of `owner` are no longer accepted here. */
    epoch: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  closed,
);
const CopyBody = Type.Object(
  { from: Type.Integer({ minimum: 0 }), accepted_since_ms: Type.Integer({ minimum: 0 }) },
  closed,
);

export function moveRoutes(app: FastifyInstance, store: Store, moves: Moves): void {
  app.get('/topology', (_request, reply) =>
    reply.send(moves.ownership?.topology ?? { epochs: [], peers: {} }),
  );
  app.put('/topology', (request, reply) =>
    answer(reply, async () => {
      await moves.apply(parseTopology(request.body));
      return { epoch: moves.ownership?.activeEpoch };
    }),
  );
  app.get(
    '/rows/:merchant/:id',
    { schema: { params: RowPath, querystring: RowQuery } },
    (request, reply) => {
      const { merchant, id } = request.params as Static<typeof RowPath>;
      const { epoch } = request.query as Static<typeof RowQuery>;
      // Before this epoch is in force here, the id may still be accepted here: no answer holds.
      if (moves.announcedEpoch < epoch) return reply.code(409).send({ code: 'epoch_unknown' });
      return reply.code(200).send(rowOf(store, `${merchant}/${id}`) ?? notFound(reply));
    },
  );
  app.get('/rows', { schema: { querystring: PageQuery } }, (request, reply) => {
    const { owner, from, epoch } = request.query as Static<typeof PageQuery>;
    const { ownership } = moves;
    if (!ownership) return reply.code(409).send({ code: 'topology_missing' });
    if (moves.announcedEpoch < (epoch ?? 0)) return reply.code(409).send({ code: 'epoch_unknown' });
    return reply.send(pageOf(store, from, (id) => ownership.nextOwner(id) === owner));
  });
  app.post('/moves', { schema: { body: CopyBody } }, (request, reply) =>
    answer(reply, async () => {
      const { from, accepted_since_ms } = request.body as Static<typeof CopyBody>;
      moves.startCopy(from, accepted_since_ms);
      return moves.copy;
    }),
  );
  app.get('/moves', (_request, reply) => reply.send(moves.copy ?? { isRunning: false }));
}

function notFound(reply: FastifyReply): object {
  reply.code(404);
  return { code: 'payment_not_found' };
}

async function answer(reply: FastifyReply, work: () => Promise<unknown>): Promise<FastifyReply> {
  try {
    return reply.send(await work());
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return reply.code(409).send({ code: error.code, detail: error.message });
  }
}
