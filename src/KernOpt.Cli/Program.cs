using KernOpt.Cli.CommandLine;
using KernOpt.Linux.Threads;

OwnTurns.Shorten();
return await Arguments.RunAsync(args).ConfigureAwait(false);
