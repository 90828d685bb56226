import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

const api = process.env.LAUDSTREAM_API_URL ?? 'http://127.0.0.1:8000';

export default defineConfig({
  plugins: [svelte()],
  base: '/',
  build: { target: 'es2022', cssTarget: ['chrome123', 'firefox121', 'safari17.5'], sourcemap: false, reportCompressedSize: true, rolldownOptions: { checks: { pluginTimings: false } }, modulePreload: { polyfill: false } },
  server: { host: '127.0.0.1', fs: { allow: ['.', '../local-env/journeys'] }, proxy: { '/api': api } },
  test: { include: ['src/**/*.test.ts'], environment: 'node', setupFiles: ['src/test-setup.ts'] },
});
