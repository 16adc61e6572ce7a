// The page of one sheet: its player is started by player.js, the form here.

import "./player.js";
import { startSheet } from "./sheet.js";

startSheet(document.querySelector("[data-sheet-form]"));
