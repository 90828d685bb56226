// Makes calls with Segment's library for Node. Reads {url, key, calls: [[method, message], ...]} as JSON from its first
// argument; ends with 1 if the library says that something was not taken.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../ui/package.json', import.meta.url));
const { Analytics } = require('@segment/analytics-node');
const { url, key, calls } = JSON.parse(process.argv[2]);
const analytics = new Analytics({ writeKey: key, host: url, maxRetries: 0 });
analytics.on('error', (error) => {
  console.error(error);
  process.exitCode = 1;
});
for (const [method, message] of calls) analytics[method](message);
await analytics.closeAndFlush();
