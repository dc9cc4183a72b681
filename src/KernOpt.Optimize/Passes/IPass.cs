using System.Collections.Immutable;
using KernOpt.Code.Bodies;
using KernOpt.Target;

namespace KernOpt.Optimize.Passes;

/// <summary>One change of a body for the better, stateless. Its behaviour for every state that the body's assumptions allow stays what it was.</summary>
internal interface IPass
{
    /// <summary>A verb in the imperative, with dashes; appears in reports.</summary>
    string Id { get; }

    /// <summary>Changes the body in place, leaves <see cref="FunctionBody.Flow"/> in step with it, and answers how many changes were made.</summary>
    int Run(FunctionBody body, PassContext context);
}

/// <summary>The size of a body: blocks, instructions and their bytes. Terminators count as instructions, not as bytes: the layout chooses their form.</summary>
public readonly record struct BodySize(int Blocks, int Instructions, int Bytes)
{
    public override string ToString() => $"{Blocks} blocks, {Instructions} instructions, {Bytes} bytes";
}

/// <summary>Something that a pass would have changed, and why it did not. At is the original address of the instruction.</summary>
public readonly record struct PassSkip(Reason Reason, Address At);

/// <summary>What one run of a pass did.</summary>
public sealed record PassReport(string Pass, int Changes, BodySize Before, BodySize After, TimeSpan Time, ImmutableArray<PassSkip> Skips)
{
    public override string ToString() => $"{Pass}: {Changes} changes, {Before.Instructions} → {After.Instructions} instructions";
}
