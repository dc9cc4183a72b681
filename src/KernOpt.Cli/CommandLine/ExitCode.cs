using KernOpt.Target;

namespace KernOpt.Cli.CommandLine;

/// <summary>The exit codes are a contract with scripts: see the README.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Regression = 1;
    public const int Inconclusive = 2;
    public const int Refused = 3;
    public const int Usage = 64;
    public const int NoPermission = 77;

    private static readonly Reason[] Usages =
    [
        Reasons.BadCommandLine, Reasons.NoTarget, Reasons.TwoTargets, Reasons.SettingsUnreadable, Reasons.NoSuchProcess, Reasons.BadBinding, Reasons.BindingNotAnArgument, Reasons.NoSuchVersion,
        Reasons.FunctionNotFound, Reasons.FunctionAmbiguous, Reasons.NotFunctionStart, Reasons.FunctionNameMalformed, Reasons.ModuleNotFound,
        Reasons.BadPlace, Reasons.NotAnInstruction, Reasons.BadExpression, Reasons.WrongType, Reasons.BadAction,
    ];

    /// <summary>41xx and 7107 are missing permissions; 70xx are errors in a policy file; what names nothing that exists is a usage error; all else is refused.</summary>
    public static int Of(Refusal refusal) => refusal.Reason.Number switch
    {
        >= 4100 and < 4200 => NoPermission,
        _ when refusal.Reason == Reasons.JournalNotPermitted => NoPermission,
        >= 7000 and < 7100 => Usage,
        _ => Usages.Contains(refusal.Reason) ? Usage : Refused,
    };
}
