// @ts-check
// A worker thread that leaves sends in flight and waiting behind, of pooled and of plain memory.
import { parentPort, workerData } from 'node:worker_threads';
import { Sender } from '../sender.mjs';
import { ALWAYS, inject } from '../zerosend.mjs';

const sender = await Sender.open(workerData.protocol, workerData.peer);
inject('recvmsg', { error: 'EAGAIN', times: ALWAYS });
for (let i = 0; i < 5; i++) sender.send();
for (let i = 0; i < 5; i++) sender.sendPlain();
inject('sendto', { error: 'EAGAIN', times: ALWAYS });
for (let i = 0; i < 5; i++) sender.send();
parentPort?.postMessage(sender.socket.inFlight);
setInterval(() => {}, 1000);
