// The login in a tab of its own is done: the page that waits goes on.

import { tellOthers } from "./session.js";

tellOthers();
window.close();
