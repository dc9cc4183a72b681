using Iced.Intel;

namespace KernOpt.Engine.Profiling;

/// <summary>Instructions as text, Intel syntax.</summary>
internal static class Listing
{
    public static string Of(in Instruction instruction)
    {
        var formatter = new IntelFormatter(new FormatterOptions { HexPrefix = "0x", HexSuffix = "", SpaceAfterOperandSeparator = true, RipRelativeAddresses = false, BranchLeadingZeros = false });
        var output = new StringOutput();
        formatter.Format(instruction, output);
        return output.ToString();
    }
}
