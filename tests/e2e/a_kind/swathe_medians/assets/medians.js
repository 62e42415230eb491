"use strict";

document.querySelector(".medians").title = "Half of the values are below";
