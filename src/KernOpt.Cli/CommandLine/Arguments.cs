using System.CommandLine;
using KernOpt.Cli.Commands;
using KernOpt.Target;

namespace KernOpt.Cli.CommandLine;

/// <summary>The whole command line: which commands there are, and how a run of one ends in an exit code.</summary>
internal static class Arguments
{
    private const string About = """
        KernOpt optimizes live x86-64 code while it runs: it finds where time goes, makes better versions of hot functions, puts them in
        without stopping the program, compares them with the original on live traffic, and keeps them or rolls them back.

        TARGET is --pid N, or -- COMMAND ARGS... at the end, which launches it.
        FUNC is symbol, module!symbol, or module+0xRVA.

        Exit codes: 0 done, 1 regression or violation, 2 inconclusive, 3 refused or unsupported, 64 usage, 77 no permission.
        """;

    public static async Task<int> RunAsync(string[] arguments)
    {
        var (options, launch) = TargetArguments.Split(arguments);
        var parse = Root(new CommandFrame(new CommonOptions(), new TargetArguments(launch))).Parse(options);
        if (parse.Errors.Count > 0)
        {
            Console.Error.WriteLine($"kernopt: {Reasons.BadCommandLine.With(parse.Errors[0].Message)}");
            return ExitCode.Usage;
        }
        using var ended = new EndRequests();
        var run = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
        return await parse.InvokeAsync(run, ended.Token).ConfigureAwait(false);
    }

    private static RootCommand Root(CommandFrame frame) => new(About)
    {
        frame.Common.Json,
        frame.Common.Quiet,
        frame.Common.Journal,
        DemoCommand.Create(frame),
        InspectCommand.Create(frame),
        HotCommand.Create(frame),
        ValuesCommand.Create(frame),
        SpecializeCommand.Create(frame),
        OutlineCommand.Create(frame),
        RelocateCommand.Create(frame),
        AbCommand.Create(frame),
        TuneCommand.Create(frame),
        SwitchCommand.Create(frame),
        ListCommand.Create(frame),
        RevertCommand.Create(frame),
        ExplainCommand.Create(frame),
        PolicyCommand.Create(frame),
    };
}
