using KernOpt.Cli.CommandLine;

return await Arguments.RunAsync(args).ConfigureAwait(false);
