import { mount } from 'svelte';

import App from './App.svelte';
import './app.css';
import { start as startRouter } from './lib/router/router.svelte';
import { signInFromAddress } from './lib/session/session.svelte';

signInFromAddress();
startRouter();

const target = document.getElementById('app');
if (target !== null) mount(App, { target });
