//! The real program from the outside: started, scraped, told things, ended.

mod commands;
mod defects;
mod golden;
mod hostile;
mod prometheus;
mod restart;
mod rich;
mod secrets;
mod shape;
mod signals;
