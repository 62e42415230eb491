"use strict";

console.info("greetings");
