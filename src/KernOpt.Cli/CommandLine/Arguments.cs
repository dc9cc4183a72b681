using System.CommandLine;
using System.CommandLine.Help;
using KernOpt.Cli.Commands;
using KernOpt.Cli.Output;
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
        var root = Root(new CommandFrame(new CommonOptions(), new TargetArguments(launch)));
        var parse = root.Parse(options);
        if (UsageErrors.IsBare(parse)) return await HelpAsync(root.Parse([.. options, "--help"]), ExitCode.Usage).ConfigureAwait(false);
        if (parse.Errors.Count > 0) return Terminal.Refuse(Reasons.BadCommandLine.With(UsageErrors.First(parse)));
        if (parse.Action is HelpAction) return await HelpAsync(parse, ExitCode.Done).ConfigureAwait(false);
        using var ended = new EndRequests();
        var run = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
        return await parse.InvokeAsync(run, ended.Token).ConfigureAwait(false);
    }

    private static async Task<int> HelpAsync(ParseResult parse, int exit)
    {
        using var text = new StringWriter();
        await parse.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, Output = text }).ConfigureAwait(false);
        var terminal = new Terminal(json: false, quiet: true);
        terminal.Print(text.ToString().TrimEnd());
        return terminal.ExitOf(exit);
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
        ProbeCommand.Create(frame),
        BlocksCommand.Create(frame),
        CoverCommand.Create(frame),
        ConcurrencyCommand.Create(frame),
        BlameCommand.Create(frame),
        WaitsCommand.Create(frame),
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
