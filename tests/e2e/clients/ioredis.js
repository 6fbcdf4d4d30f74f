// ioredis with settings from the command line: ioredis.js HOST:PORT '{"option": ...}' [pause in ms]
// Asks PING again and again; without a pause given it only stays connected.
'use strict';
const Redis = require('ioredis');

const [host, port] = process.argv[2].split(':');
const options = JSON.parse(process.argv[3] || '{}');
const pause = Number(process.argv[4] || 0);
if (options.constant !== undefined) {
	const delay = options.constant;
	delete options.constant;
	options.retryStrategy = () => delay;
}
const redis = new Redis({ host, port: Number(port), ...options });
redis.on('error', (error) => console.error(`ioredis: ${error.message}`));

function ask() {
	redis.incr('asked').catch((error) => console.error(`ioredis: ${error.message}`))
		.finally(() => setTimeout(ask, pause));
}
redis.once('ready', () => { if (pause) ask(); });
