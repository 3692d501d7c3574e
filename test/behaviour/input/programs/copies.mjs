// @ts-check
// Sends with several copies of the library at the same time.

/** @type {{ copies: string[], port: number }} */
const { copies, port } = JSON.parse(process.argv[2] ?? '{}');
/** @type {(typeof import('zerosend'))[]} */
const libraries = [];
for (const copy of copies) libraries.push(await import(copy));

const users = await Promise.all(
  libraries.map(async ({ BufferPool, TcpSocket }) => {
    const pool = new BufferPool({ bufferSize: 4096, count: 4 });
    const socket = await TcpSocket.connect({ host: '127.0.0.1', port, zeroCopy: 'always' });
    return { pool, socket, completed: 0 };
  }),
);
const results = await Promise.all(
  users.map(async (user, i) => {
    const { pool, socket } = user;
    socket.on('complete', ({ first, last }) => {
      user.completed += last - first + 1;
    });
    const first = socket.nextId;
    for (let n = 0; n < 10 * (i + 1); n++) socket.send(await pool.acquire(), 4000);
    await socket.flush();
    const { completed } = user;
    return { first, completed, free: pool.free, outcome: (await socket.close()).outcome };
  }),
);

// A buffer of one copy is a stranger to the others.
const [mine, other] = libraries;
const foreign = [];
for (const [pools, sockets] of [
  [mine, other],
  [other, mine],
]) {
  const pool = new /** @type {any} */ (pools).BufferPool({ bufferSize: 4096, count: 1 });
  const socket = await /** @type {any} */ (sockets).TcpSocket.connect({ host: '127.0.0.1', port });
  try {
    socket.send(pool.tryAcquire(), 10);
    foreign.push('sent');
  } catch (error) {
    foreign.push(/** @type {{ code: string }} */ (error).code);
  }
  await socket.close();
}
console.log(JSON.stringify({ results, foreign }));
