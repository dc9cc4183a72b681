using KernOpt.Engine.Reports;

namespace KernOpt.Cli.Output;

/// <summary>Frames of stacks in words.</summary>
internal static class StackNames
{
    /// <summary>The function's name, or the module's and the offset in it, or the address.</summary>
    public static string Of(StackFrameRow frame) => frame.Function ?? (frame.Module is { } module ? $"{module}+0x{frame.Offset:x}" : $"{frame.Address}");

    /// <summary>function+0xOFFSET (module).</summary>
    public static string WithOffset(StackFrameRow frame)
    {
        if (frame.Function is null) return frame.Module is null ? $"{frame.Address} (in no module)" : Of(frame);
        return $"{frame.Function}{(frame.Offset is { } offset ? $"+0x{offset:x}" : "")} ({frame.Module})";
    }

    /// <summary>What is above the outermost frame; null where nothing is.</summary>
    public static string? OfEnd(string end) => end switch
    {
        "complete" => null,
        "truncated" => "[truncated]",
        "no-table" => "[no unwind table]",
        "too-deep" => "[too deep]",
        _ => "[not known]",
    };

    /// <summary>From the outermost in; what lies above that and is not known is a frame of its own, so that such stacks are not taken for whole ones.</summary>
    public static IEnumerable<string> FromOutermost(StackRow stack)
    {
        var frames = stack.Frames.Reverse().Select(Of);
        return OfEnd(stack.End) is { } end ? frames.Prepend(end) : frames;
    }
}
