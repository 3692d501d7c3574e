import { clearFaultsAfterEach } from './peers.js';
import { keysCountedBy } from './stamps.js';

clearFaultsAfterEach();
keysCountedBy('kernel');
